/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counts sources by replacing g_source_new ().
 *
 * GLib keeps a destroyed source in the list of its context until its last reference is dropped, and
 * has no function that returns their number.  A program in another language loads this with
 * LD_PRELOAD, and is aborted if there are more than MP_TEST_MAX_SOURCES of them. */

#include "source-count.h"

#include <dlfcn.h>

typedef struct
{
  GSourceFuncs  funcs;
  GSourceFuncs *original;
} CountedFuncs;

static gint n_sources;

static GMutex      lock;
static GHashTable *counted_by_original;

static void
finalize_counted (GSource *source)
{
  CountedFuncs *counted = (CountedFuncs *) source->source_funcs;

  g_atomic_int_add (&n_sources, -1);
  if (counted->original->finalize != NULL)
    counted->original->finalize (source);
}

/* Returns a copy of the functions with a finalize () that counts.  It is never freed, since sources
 * refer to it. */
static GSourceFuncs *
count_funcs (GSourceFuncs *original)
{
  CountedFuncs *counted;

  g_mutex_lock (&lock);
  if (counted_by_original == NULL)
    counted_by_original = g_hash_table_new (NULL, NULL);
  counted = g_hash_table_lookup (counted_by_original, original);
  if (counted == NULL)
    {
      counted = g_new0 (CountedFuncs, 1);
      counted->funcs = *original;
      counted->funcs.finalize = finalize_counted;
      counted->original = original;
      g_hash_table_insert (counted_by_original, original, counted);
    }
  g_mutex_unlock (&lock);
  return &counted->funcs;
}

static void
check_limit (int count)
{
  static gsize limit = 0;

  if (g_once_init_enter (&limit))
    {
      const char *text = g_getenv ("MP_TEST_MAX_SOURCES");

      g_once_init_leave (&limit, text != NULL ? g_ascii_strtoull (text, NULL, 10) : G_MAXINT);
    }

  if ((gsize) count > limit)
    g_error ("There are %d sources, and there may be %" G_GSIZE_FORMAT, count, limit);
}

GSource *
g_source_new (GSourceFuncs *source_funcs,
              guint         struct_size)
{
  static gsize real = 0;

  if (g_once_init_enter (&real))
    g_once_init_leave (&real, (gsize) dlsym (RTLD_NEXT, "g_source_new"));

  check_limit (g_atomic_int_add (&n_sources, 1) + 1);
  return ((GSource * (*) (GSourceFuncs *, guint)) real) (count_funcs (source_funcs), struct_size);
}

int
test_count_sources (void)
{
  return g_atomic_int_get (&n_sources);
}
