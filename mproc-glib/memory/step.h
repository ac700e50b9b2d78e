/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* Marks a step of an operation at which a crash is hardest to recover from.  The kill harness
 * builds the library with a hook in these places; in all other builds they are empty. */
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
