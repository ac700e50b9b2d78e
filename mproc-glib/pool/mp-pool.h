/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-process.h"
#include "mp-shareable.h"

G_BEGIN_DECLS

/**
 * MpPoolRestart:
 * @MP_POOL_RESTART_ALWAYS: each worker that ends is replaced
 * @MP_POOL_RESTART_ON_FAILURE: only workers that ended with an exit code other than 0, or by a
 *   signal, are replaced
 * @MP_POOL_RESTART_NEVER: no worker is replaced
 *
 * Which workers of a [class@Pool] are replaced when they end.
 *
 * Since: 1.0
 */
typedef enum
{
  MP_POOL_RESTART_ALWAYS,
  MP_POOL_RESTART_ON_FAILURE,
  MP_POOL_RESTART_NEVER,
} MpPoolRestart;

#define MP_TYPE_POOL (mp_pool_get_type ())
MP_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (MpPool, mp_pool, MP, POOL, GObject)

MP_AVAILABLE_IN_1_0
MpPool *mp_pool_new (const char *const *argv,
                     guint              n_workers);
MP_AVAILABLE_IN_1_0
void mp_pool_give (MpPool      *self,
                   const char  *name,
                   MpShareable *shareable);
MP_AVAILABLE_IN_1_0
gboolean mp_pool_start (MpPool  *self,
                        GError **error);

MP_AVAILABLE_IN_1_0
GVariant *mp_pool_submit (MpPool       *self,
                          const char   *function,
                          GVariant     *argument,
                          gint64        timeout_us,
                          GCancellable *cancellable,
                          GError      **error);
MP_AVAILABLE_IN_1_0
void mp_pool_submit_async (MpPool             *self,
                           const char         *function,
                           GVariant           *argument,
                           int                 io_priority,
                           GCancellable       *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer            user_data);
MP_AVAILABLE_IN_1_0
GVariant *mp_pool_submit_finish (MpPool       *self,
                                 GAsyncResult *result,
                                 GError      **error);
MP_AVAILABLE_IN_1_0
void mp_pool_iterate (MpPool *self,
                      gint64  timeout_us);

MP_AVAILABLE_IN_1_0
gboolean mp_pool_stop (MpPool       *self,
                       gboolean      finish_tasks,
                       gint64        timeout_us,
                       GCancellable *cancellable,
                       GError      **error);
MP_AVAILABLE_IN_1_0
void mp_pool_stop_async (MpPool             *self,
                         gboolean            finish_tasks,
                         int                 io_priority,
                         GCancellable       *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_pool_stop_finish (MpPool       *self,
                              GAsyncResult *result,
                              GError      **error);

MP_AVAILABLE_IN_1_0
void mp_pool_set_argv (MpPool            *self,
                       const char *const *argv);
MP_AVAILABLE_IN_1_0
const char *const *mp_pool_get_argv (MpPool *self);
MP_AVAILABLE_IN_1_0
void mp_pool_set_n_workers (MpPool *self,
                            guint   n_workers);
MP_AVAILABLE_IN_1_0
guint mp_pool_get_n_workers (MpPool *self);
MP_AVAILABLE_IN_1_0
guint mp_pool_get_n_alive (MpPool *self);
MP_AVAILABLE_IN_1_0
guint mp_pool_get_n_pending (MpPool *self);
MP_AVAILABLE_IN_1_0
guint mp_pool_get_n_restarts (MpPool *self);
MP_AVAILABLE_IN_1_0
GPtrArray *mp_pool_list_workers (MpPool *self);

G_END_DECLS
