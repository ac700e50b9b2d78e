/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "observer.h"

#include "base/mp-errno.h"
#include "mp-error.h"
#include "observed.h"
#include "observer-named.h"
#include "observer-peek.h"
#include "observer-tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- Opening ------------------------------------------------------------------------------ */

static void
observer_free (gpointer user_data)
{
  MpObserved *self = user_data;

  if (self->pages != NULL && self->copy == NULL)
    munmap ((gpointer) self->pages, MP_OBSERVED_SIZE);
  g_free (self->copy);
  close (self->fd);
  g_free (self);
}

static gboolean
get_pages (MpObserved *self,
           GError    **error)
{
  const int seals = self->is_broken ? -1 : fcntl (self->fd, F_GET_SEALS);
  gpointer  pages;

  if (seals == -1 || (seals & F_SEAL_SHRINK) == 0)
    {
      self->pages = self->copy = g_malloc0 (MP_OBSERVED_SIZE);
      return TRUE;
    }
  pages = mmap (NULL, MP_OBSERVED_SIZE, PROT_READ, MAP_SHARED, self->fd, 0);
  if (pages == MAP_FAILED)
    return mp_set_error_from_errno (error, errno, _ ("Cannot map the memory of the queue"));
  self->pages = pages;
  return TRUE;
}

/* Of a broken queue nothing is read: its config is all 0. */
static gboolean
read_config (MpObserved *self,
             gboolean    also_broken,
             GError    **error)
{
  g_autoptr (GError) reason = NULL;
  guint64 file_size;

  if (mp_memory_look_at_config (self->fd, &self->config, &file_size, &reason))
    return TRUE;
  if (also_broken && g_error_matches (reason, MP_ERROR, MP_ERROR_DAMAGED))
    {
      self->is_broken = TRUE;
      memset (&self->config, 0, sizeof self->config);
      return TRUE;
    }
  g_propagate_error (error, g_steal_pointer (&reason));
  return FALSE;
}

gpointer
mp_memory_observer_new (int      fd,
                        gboolean also_broken,
                        GError **error)
{
  MpObserved *self = g_new0 (MpObserved, 1);

  self->fd = fd;
  if (read_config (self, also_broken, error) && get_pages (self, error))
    return self;
  observer_free (self);
  return NULL;
}

static void
identify (gpointer         user_data,
          MpQueueIdentity *identity)
{
  MpObserved     *self = user_data;
  const MpConfig *config = &self->config;
  struct stat     status;

  *identity = (MpQueueIdentity){
    .id = fstat (self->fd, &status) == 0 ? status.st_ino : 0,
    .name = config->name[0] != '\0' ? config->name : NULL,
    .settings = {
      .mode = (MpQueueMode) config->mode,
      .max_size = config->max_size,
      .max_bytes = config->max_bytes,
      .max_deliveries = config->max_deliveries,
    },
    .created_at = config->created_at,
    .creator = config->creator,
  };
  memcpy (identity->settings.name, config->name, sizeof config->name);
  memcpy (identity->settings.kind, config->kind, sizeof config->kind);
}

static char *
dup_uri (gpointer user_data)
{
  MpObserved *self = user_data;
  struct stat status;

  if (self->config.name[0] == '\0' || fstat (self->fd, &status) == -1)
    return NULL;
  return mp_observer_dup_uri (self->config.name, status.st_dev, status.st_ino);
}

/* --- A sample ------------------------------------------------------------------------------ */

static void
count_waiters (MpObserved    *self,
               MpQueueSample *sample)
{
  for (guint condition = 0; condition < MP_N_CONDITIONS; condition++)
    {
      const MpWaits *waits =
        mp_observed_line (self, MP_OFFSET_WAITS + condition * MP_WAITS_SIZE);
      const guint n_words = mp_load_bounded (&waits->n_words, MP_N_WAIT_WORDS);

      for (guint i = 0; i < n_words; i++)
        {
          sample->n_sleeping[condition] +=
            (guint32) __builtin_popcountll (mp_load (&waits->words[i].sleeping));
          sample->n_armed[condition] +=
            (guint32) __builtin_popcountll (mp_load (&waits->words[i].armed));
        }
    }
}

static guint32
count_unfinished (MpObserved *self,
                  guint64     n_put)
{
  const MpArenaLine *arena = mp_observed_line (self, MP_OFFSET_ARENA);
  guint32            n = ((guint32) n_put - mp_load (&arena->n_done)) & MP_COUNT_MASK;

  if (self->config.mode != MP_QUEUE_MODE_ACKNOWLEDGED || n > MP_MAX_COUNT || n > n_put)
    return 0;
  return n;
}

static gboolean
observer_sample (gpointer       user_data,
                 MpQueueSample *sample,
                 GError       **error)
{
  MpObserved        *self = user_data;
  const MpTailLine  *tail = mp_observed_line (self, MP_OFFSET_TAIL);
  const MpHeadLine  *head = mp_observed_line (self, MP_OFFSET_HEAD);
  const MpStateLine *state = mp_observed_line (self, MP_OFFSET_STATE);
  const MpArenaLine *arena = mp_observed_line (self, MP_OFFSET_ARENA);
  struct stat        status;
  guint64            word;
  guint32            n_queued;
  guint              n_slots;

  if (fstat (self->fd, &status) == -1)
    return mp_set_error_from_errno (error, errno, _ ("Cannot examine the memory of the queue"));

  memset (sample, 0, sizeof *sample);
  sample->memory = (guint64) status.st_blocks * 512;
  sample->is_named = status.st_nlink > 0;
  sample->n_put = mp_observed_locate (self, &word, &n_queued);
  sample->n_got = sample->n_put - n_queued;
  sample->n_bytes_got = mp_load_acquire (&head->n_bytes);
  sample->n_bytes_put = mp_load_acquire (&tail->n_bytes);
  sample->n_bytes = (guint64) MAX ((gint64) (sample->n_bytes_put - sample->n_bytes_got), 0);
  sample->n_again = mp_load_bounded (&head->n_orphans, MP_N_LEASES);
  sample->size = n_queued + sample->n_again;
  sample->n_unfinished = count_unfinished (self, sample->n_put);
  sample->n_held = sample->n_unfinished > sample->size ? sample->n_unfinished - sample->size : 0;
  sample->n_dead = mp_load_bounded (&arena->n_dead, MP_N_LEASES);
  sample->n_redelivered = mp_load (&head->n_redelivered);
  sample->shut_down = mp_load (&state->shutdown) != 0;
  sample->damaged = self->is_broken || mp_load (&state->damaged) != 0;
  n_slots = self->is_broken ? MP_N_PARTICIPANTS : mp_observed_count_slots (self);
  for (guint slot = 0; slot < n_slots; slot++)
    sample->n_processes += mp_observed_is_alive (self, slot);
  count_waiters (self, sample);
  return TRUE;
}

int
mp_memory_observer_slot_of (guint64 lock_position)
{
  return lock_position >= (guint64) MP_LIVENESS_BASE &&
             lock_position < (guint64) MP_LIVENESS_BASE + MP_N_PARTICIPANTS
           ? (int) (lock_position - (guint64) MP_LIVENESS_BASE)
           : -1;
}

const MpQueueObserver mp_memory_observer = {
  .free = observer_free,
  .identify = identify,
  .dup_uri = dup_uri,
  .sample = observer_sample,
  .list_users = mp_observed_list_users,
  .has_died = mp_observed_has_died,
  .list_tasks = mp_observed_list_tasks,
  .peek_task = mp_observed_peek_task,
  .peek = mp_observed_peek,
};
