/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The folder of this user's named queues: it is on tmpfs, and contains a folder for each queue. */

/* The names of the two files of a queue in its folder. */
#define MP_NAMED_MEMORY "memory"
#define MP_NAMED_BELL   "bell"

/* The path of the folder, whether it is there or not.  Free it with g_free (). */
char *mp_named_folder_dup_path (void);
/* Opens the folder, and creates it if needed.  Returns a descriptor that the caller closes, or -1
 * with @error set, also if the folder is not the user's own, if others can write to it, or if it is
 * not in memory. */
int mp_named_folder_open (GError **error);
/* Opens the folder of a queue; -1 with G_IO_ERROR_NOT_FOUND if there is none. */
int mp_named_folder_open_queue (int         folder,
                                const char *name,
                                GError    **error);
/* Makes an empty folder for a queue under a temporary name, which the caller frees with g_free ().
 * Returns its descriptor, to be closed with mp_named_folder_close_new (), or -1 with @error set.
 * The folder is locked until then, which shows that its creator lives. */
int  mp_named_folder_make (int         folder,
                           const char *name,
                           char      **temporary,
                           GError    **error);
void mp_named_folder_close_new (int queue);
/* Renames that folder to the name of the queue.  Returns FALSE without an error if there is a queue
 * of this name already, or with @error set on failure. */
gboolean mp_named_folder_publish (int         folder,
                                  const char *temporary,
                                  const char *name,
                                  GError    **error);
/* Removes the name of a queue: renames its folder to a temporary name, which is returned.  Returns
 * NULL with @error set on failure. */
char *mp_named_folder_withdraw (int         folder,
                                const char *name,
                                GError    **error);
/* Removes a folder with a temporary name, and the files in it. */
void mp_named_folder_remove (int         folder,
                             const char *temporary);

/* Removes the folders of queues whose creators died before they were complete. */
void mp_named_folder_remove_unfinished (int folder);
/* Lists the temporary names of queues that were withdrawn and whose folders still exist. */
GPtrArray *mp_named_folder_list_withdrawn (int folder);

G_END_DECLS
