/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-shareable.h"

G_BEGIN_DECLS

/**
 * MP_PROCESS_STILL_ALIVE:
 *
 * The exit code of a process that has not ended, or was not started.
 *
 * Since: 1.0
 */
#define MP_PROCESS_STILL_ALIVE (-2147483647 - 1)

#define MP_TYPE_PROCESS (mp_process_get_type ())
MP_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (MpProcess, mp_process, MP, PROCESS, GObject)

struct _MpProcessClass
{
  GObjectClass parent_class;

  /*< private >*/
  gpointer padding[8];
};

MP_AVAILABLE_IN_1_0
MpProcess *mp_process_new (const char *const *argv);

MP_AVAILABLE_IN_1_0
void mp_process_give (MpProcess   *self,
                      const char  *name,
                      MpShareable *shareable);
MP_AVAILABLE_IN_1_0
void mp_process_set_env (MpProcess  *self,
                         const char *variable,
                         const char *value);
MP_AVAILABLE_IN_1_0
void mp_process_set_argv (MpProcess         *self,
                          const char *const *argv);
MP_AVAILABLE_IN_1_0
char **mp_process_get_argv (MpProcess *self);
MP_AVAILABLE_IN_1_0
void mp_process_set_cwd (MpProcess  *self,
                         const char *cwd);
MP_AVAILABLE_IN_1_0
char *mp_process_get_cwd (MpProcess *self);
MP_AVAILABLE_IN_1_0
void mp_process_set_die_with_parent (MpProcess *self,
                                     gboolean   die_with_parent);
MP_AVAILABLE_IN_1_0
gboolean mp_process_get_die_with_parent (MpProcess *self);
MP_AVAILABLE_IN_1_0
void mp_process_set_environment (MpProcess         *self,
                                 const char *const *environment);
MP_AVAILABLE_IN_1_0
char **mp_process_get_environment (MpProcess *self);
MP_AVAILABLE_IN_1_0
void mp_process_set_flags (MpProcess       *self,
                           GSubprocessFlags flags);
MP_AVAILABLE_IN_1_0
GSubprocessFlags mp_process_get_flags (MpProcess *self);
MP_AVAILABLE_IN_1_0
void mp_process_set_stdin_file_path (MpProcess  *self,
                                     const char *path);
MP_AVAILABLE_IN_1_0
char *mp_process_get_stdin_file_path (MpProcess *self);
MP_AVAILABLE_IN_1_0
void mp_process_set_stdout_file_path (MpProcess  *self,
                                      const char *path);
MP_AVAILABLE_IN_1_0
char *mp_process_get_stdout_file_path (MpProcess *self);
MP_AVAILABLE_IN_1_0
void mp_process_set_stderr_file_path (MpProcess  *self,
                                      const char *path);
MP_AVAILABLE_IN_1_0
char *mp_process_get_stderr_file_path (MpProcess *self);
MP_AVAILABLE_IN_1_0
void mp_process_take_fd (MpProcess *self,
                         int        source_fd,
                         int        target_fd);

MP_AVAILABLE_IN_1_0
gboolean mp_process_start (MpProcess *self,
                           GError   **error);
MP_AVAILABLE_IN_1_0
gboolean mp_process_join (MpProcess    *self,
                          gint64        timeout_us,
                          GCancellable *cancellable,
                          GError      **error);
MP_AVAILABLE_IN_1_0
void mp_process_join_async (MpProcess          *self,
                            int                 io_priority,
                            GCancellable       *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_process_join_finish (MpProcess    *self,
                                 GAsyncResult *result,
                                 GError      **error);
MP_AVAILABLE_IN_1_0
gboolean mp_process_wait_check (MpProcess    *self,
                                gint64        timeout_us,
                                GCancellable *cancellable,
                                GError      **error);
MP_AVAILABLE_IN_1_0
void mp_process_wait_check_async (MpProcess          *self,
                                  int                 io_priority,
                                  GCancellable       *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_process_wait_check_finish (MpProcess    *self,
                                       GAsyncResult *result,
                                       GError      **error);
MP_AVAILABLE_IN_1_0
void mp_process_terminate (MpProcess *self);
MP_AVAILABLE_IN_1_0
void mp_process_kill (MpProcess *self);
MP_AVAILABLE_IN_1_0
void mp_process_send_signal (MpProcess *self,
                             int        signal_number);

MP_AVAILABLE_IN_1_0
int mp_process_get_pid (MpProcess *self);
MP_AVAILABLE_IN_1_0
int mp_process_get_exit_code (MpProcess *self);
MP_AVAILABLE_IN_1_0
gboolean mp_process_get_alive (MpProcess *self);
MP_AVAILABLE_IN_1_0
GOutputStream *mp_process_get_stdin_pipe (MpProcess *self);
MP_AVAILABLE_IN_1_0
GInputStream *mp_process_get_stdout_pipe (MpProcess *self);
MP_AVAILABLE_IN_1_0
GInputStream *mp_process_get_stderr_pipe (MpProcess *self);

G_END_DECLS
