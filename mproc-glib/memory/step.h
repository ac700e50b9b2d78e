/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* A step at which a death would hurt.  The kill harness builds the library with hooks in
 * these places; everywhere else they are nothing. */
#ifdef MP_WITH_STEPS
extern void (*mp_step_hook) (const char *name);
#define MP_STEP(name)           \
  do                            \
    {                           \
      if (mp_step_hook != NULL) \
        mp_step_hook (name);    \
    }                           \
  while (0)
#else
#define MP_STEP(name) \
  do                  \
    {                 \
    }                 \
  while (0)
#endif
