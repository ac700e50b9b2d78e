/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Child processes, and waiting for conditions, in tests. */

/* Longer than anything takes on the slowest machine, under any sanitizer. */
#define TEST_TIMEOUT_US (120 * G_USEC_PER_SEC)

/* How often a condition is polled that cannot be waited for: others need the processor, too. */
#define TEST_INTERVAL_US 200

#define test_wait_until(condition)                                  \
  do                                                                \
    {                                                               \
      gint64 deadline_ = g_get_monotonic_time () + TEST_TIMEOUT_US; \
      while (!(condition))                                          \
        {                                                           \
          g_assert_cmpint (g_get_monotonic_time (), <, deadline_);  \
          g_usleep (TEST_INTERVAL_US);                              \
        }                                                           \
    }                                                               \
  while (0)

#define test_iterate_until(condition)                               \
  do                                                                \
    {                                                               \
      gint64 deadline_ = g_get_monotonic_time () + TEST_TIMEOUT_US; \
      guint  tick_ = g_timeout_add (50, test_tick_cb, NULL);        \
      while (!(condition))                                          \
        {                                                           \
          g_assert_cmpint (g_get_monotonic_time (), <, deadline_);  \
          g_main_context_iteration (NULL, TRUE);                    \
        }                                                           \
      g_source_remove (tick_);                                      \
    }                                                               \
  while (0)

static inline gboolean
test_tick_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static inline void
test_drain_context (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static inline pid_t
test_fork (int (*func) (gpointer data),
           gpointer data)
{
  pid_t child = fork ();

  g_assert_cmpint (child, !=, -1);
  if (child == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      _exit (func (data));
    }
  return child;
}

static inline void
test_wait_child (pid_t child,
                 int   expected)
{
  int status;

  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, expected);
}

static inline void
test_kill (pid_t child)
{
  int status;

  g_assert_cmpint (kill (child, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
}

static inline gboolean
test_is_asleep (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/wchan", pid);
  g_autofree char *content = NULL;

  return g_file_get_contents (path, &content, NULL, NULL) &&
         (g_str_has_prefix (content, "futex") || strstr (content, "poll") != NULL);
}

/* Waits until the first thread of the process sleeps on a futex or on descriptors. */
static inline void
test_wait_asleep (pid_t pid)
{
  test_wait_until (test_is_asleep (pid));
}
