/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-leave.h"
#include "shared-payload.h"
#include "shared-queue-private.h"
#include "shared-wait.h"

#include "arena.h"
#include "lease.h"
#include "lock.h"
#include "recovery.h"
#include "ring.h"
#include "waiters.h"

#include <string.h>

/* Getting messages.  The next message is taken at once if its tag says that the caller can read it.
 * Otherwise the caller reads a copy first, and then takes the message if it is still the next one;
 * so a message that turns out to be unreadable never leaves the queue. */

/* Values of a tentative delivery's `position`; any other value is the head word at that time. */
enum
{
  POSITION_IN_HAND,
  POSITION_ORPHAN,
};

/* The next message: a returned one, or else the record at the head. */
typedef struct
{
  guint32  orphan; /* the lease of a returned message, or 0 */
  MpRecord record;
  guint64  size;
  guint8   tag;
} Front;

typedef struct
{
  MpQueueDelivery       *deliveries;
  guint                  n;
  const MpQueueAccepted *accepted;
  guint                  n_got;
} Get;

static gboolean
fits (MpQueueDelivery *delivery,
      guint64          size)
{
  if (G_LIKELY (size <= delivery->capacity || !delivery->only_buffer))
    return TRUE;

  delivery->size = size;
  return FALSE;
}

/* --- The next message, with the head lock --------------------------------------------------- */

static G_GNUC_NO_INLINE gboolean
find_returned (MpMemory *memory,
               Front    *front)
{
  MpLease *slot;

  front->orphan = mp_lease_find_waiting (memory);
  if (front->orphan == 0)
    return FALSE;

  slot = mp_memory_lease (memory, front->orphan - 1);
  front->size = mp_load (&slot->size);
  front->tag = (guint8) slot->tag;
  return TRUE;
}

/* Returned messages, also those of dead consumers, go ahead of all others. */
static inline G_ALWAYS_INLINE MpQueueStatus
find_front (MpSharedQueue *self,
            Front         *front)
{
  MpMemory     *memory = &self->memory;
  MpQueueStatus status;

  front->orphan = 0;
  if (G_UNLIKELY (mp_load (&memory->head->n_orphans) != 0) && find_returned (memory, front))
    return MP_QUEUE_OK;

  status = mp_shared_queue_ring_status (self, mp_ring_peek (memory, &front->record),
                                        MP_QUEUE_EMPTY);
  front->size = front->record.size;
  front->tag = front->record.tag;
  return status;
}

static inline void
count_got (MpSharedQueue *self)
{
  MpMemory *memory = &self->memory;

  mp_memory_add_to (&mp_memory_participant (memory, memory->participant)->n_got, 1);
}

/* Takes the message: copies it at once if it is small and need not be finished, else leases it. */
static inline MpQueueStatus
take_uncounted (MpSharedQueue   *self,
                const Front     *front,
                MpQueueDelivery *delivery)
{
  if (G_UNLIKELY (front->orphan != 0))
    {
      mp_shared_queue_adopt (self, front->orphan, delivery);
      return MP_QUEUE_OK;
    }
  if (front->record.block != 0 || mp_shared_queue_is_acknowledged (self))
    return mp_shared_queue_claim (self, &front->record, delivery);

  if (!mp_shared_queue_copy_out (self, delivery, front->record.payload, front->record.size))
    return MP_QUEUE_NO_SPACE;
  MP_STEP ("get/copied");
  mp_ring_advance (&self->memory, &front->record);
  return MP_QUEUE_OK;
}

static inline MpQueueStatus
take_front (MpSharedQueue   *self,
            const Front     *front,
            MpQueueDelivery *delivery)
{
  MpQueueStatus status = take_uncounted (self, front, delivery);

  if (G_LIKELY (status == MP_QUEUE_OK))
    count_got (self);
  return status;
}

/* Finds the payload of the message; FALSE if the queue is damaged. */
static gboolean
find_payload (MpSharedQueue *self,
              const Front   *front,
              guint64       *payload)
{
  *payload = front->record.payload;
  if (front->orphan == 0)
    return TRUE;

  *payload = mp_load (&mp_memory_lease (&self->memory, front->orphan - 1)->block);
  return mp_shared_queue_is_payload (self, *payload, front->size);
}

/* Copies the first @size bytes of the message, which stays in its place. */
static MpQueueStatus
copy_front (MpSharedQueue   *self,
            const Front     *front,
            guint64          size,
            MpQueueDelivery *delivery)
{
  MpMemory *memory = &self->memory;
  guint64   payload;

  delivery->position = mp_load (&memory->head->word);
  if (front->orphan != 0)
    {
      MpLease *slot = mp_memory_lease (memory, front->orphan - 1);

      delivery->position = POSITION_ORPHAN;
      delivery->token = (MpQueueToken){ front->orphan, slot->n_deliveries, slot->serial };
    }
  if (!find_payload (self, front, &payload))
    return MP_QUEUE_DAMAGED;
  return mp_shared_queue_copy_out (self, delivery, payload, size) ? MP_QUEUE_OK : MP_QUEUE_NO_SPACE;
}

/* Delivers the message tentatively.  A message accepted as `sound` is hardly ever refused by its
 * reader, so one that needs a lease gets it at once: otherwise many consumers might copy the same
 * large message, of which only one can take it. */
static G_GNUC_NO_INLINE MpQueueStatus
try_front (MpSharedQueue   *self,
           const Front     *front,
           gboolean         is_sound,
           MpQueueDelivery *delivery)
{
  delivery->tentative = TRUE;
  if (!is_sound || (front->orphan == 0 && front->record.block == 0 &&
                    !mp_shared_queue_is_acknowledged (self)))
    return copy_front (self, front, front->size, delivery);

  delivery->position = POSITION_IN_HAND;
  return take_front (self, front, delivery);
}

/* Takes the message if it begins with the prefix; otherwise delivers its first part. */
static G_GNUC_NO_INLINE MpQueueStatus
take_front_by_prefix (MpSharedQueue         *self,
                      const Front           *front,
                      const MpQueueAccepted *accepted,
                      MpQueueDelivery       *delivery)
{
  guint64 payload;

  if (!find_payload (self, front, &payload))
    return MP_QUEUE_DAMAGED;
  if (front->size >= accepted->prefix_size &&
      memcmp (mp_memory_at (&self->memory, payload), accepted->prefix, accepted->prefix_size) == 0)
    return take_front (self, front, delivery);

  delivery->tentative = TRUE;
  return copy_front (self, front, MIN (front->size, MP_QUEUE_PEEK_SIZE), delivery);
}

/* Gets the next message.  A message that has to be settled is delivered only as the first one. */
static inline MpQueueStatus
get_front (MpSharedQueue   *self,
           Get             *get,
           MpQueueDelivery *delivery)
{
  Front         front;
  MpQueueStatus status = find_front (self, &front);
  guint32       bit;

  if (status != MP_QUEUE_OK)
    return status;

  bit = G_LIKELY (front.tag < 32) ? MP_QUEUE_TAG (front.tag) : 0;
  delivery->tag = front.tag;
  delivery->token.lease = 0;
  delivery->tentative = FALSE;
  if (!fits (delivery, front.size))
    return MP_QUEUE_TOO_SHORT;
  if (G_LIKELY ((get->accepted->any & bit) != 0))
    return take_front (self, &front, delivery);
  if (get->n_got > 0 || ((get->accepted->sound | get->accepted->by_content) & bit) == 0)
    return MP_QUEUE_OTHER_FORM;
  if ((get->accepted->by_prefix & bit) != 0)
    return take_front_by_prefix (self, &front, get->accepted, delivery);
  return try_front (self, &front, (get->accepted->sound & bit) != 0, delivery);
}

static gboolean
is_in_hand (const MpQueueDelivery *delivery)
{
  return delivery->token.lease != 0 &&
         (!delivery->tentative || delivery->position == POSITION_IN_HAND);
}

/* --- Getting -------------------------------------------------------------------------------- */

/* Called when the caller has the whole message and does not refuse it: ends the lease, unless the
 * message has to be finished. */
static inline void
keep (MpSharedQueue   *self,
      MpQueueDelivery *delivery)
{
  if (mp_shared_queue_is_acknowledged (self))
    {
      mp_lease_deliver (&self->memory, delivery->token.lease);
    }
  else
    {
      mp_shared_queue_do_sometime (self, delivery->token.lease, MP_DUE_END);
      delivery->token.lease = 0;
    }
}

/* Copies a leased message, which the caller keeps unless it is tentative. */
static G_GNUC_NO_INLINE MpQueueStatus
receive (MpSharedQueue   *self,
         MpQueueDelivery *delivery)
{
  MpMemory *memory = &self->memory;
  MpLease  *slot = mp_memory_lease (memory, delivery->token.lease - 1);
  guint64   block = mp_load (&slot->block);
  guint64   size = mp_load (&slot->size);

  if (!mp_shared_queue_is_payload (self, block, size))
    return MP_QUEUE_DAMAGED;
  if (!fits (delivery, size) || !mp_shared_queue_copy_out (self, delivery, block, size))
    {
      mp_shared_queue_do_sometime (self, delivery->token.lease, MP_DUE_RETURN);
      return MP_QUEUE_NO_SPACE;
    }

  MP_STEP ("get/received");
  if (!delivery->tentative)
    keep (self, delivery);
  return MP_QUEUE_OK;
}

/* Gets several messages under one lock, up to the first one that needs a lease. */
static inline G_ALWAYS_INLINE MpQueueStatus
get_some (MpSharedQueue *self,
          Get           *get)
{
  MpMemory        *memory = &self->memory;
  MpQueueStatus    status = MP_QUEUE_OK;
  MpQueueDelivery *last = NULL;

  if (!mp_lock_take (memory, MP_LOCK_HEAD))
    return MP_QUEUE_BUSY;
  do
    {
      MpQueueDelivery *delivery = &get->deliveries[get->n_got];

      if (get->n_got > 0)
        mp_queue_delivery_follow (delivery, delivery - 1);
      status = get_front (self, get, delivery);
      if (status != MP_QUEUE_OK)
        break;
      last = delivery;
      get->n_got++;
    }
  while (get->n_got < get->n && last->token.lease == 0 && !last->tentative);
  mp_unlock (memory, MP_LOCK_HEAD);

  if (last != NULL && is_in_hand (last))
    {
      MpQueueStatus received = receive (self, last);

      if (received == MP_QUEUE_OK)
        return status;
      get->n_got--;
      return received;
    }
  return status;
}

/* If the delivery is tentative, other waiters are woken when it is settled, not here. */
static inline G_ALWAYS_INLINE MpQueueStatus
try_get (MpSharedQueue *self,
         gpointer       data,
         MpAttemptNote *note)
{
  Get          *get = data;
  MpQueueStatus status;

  do
    status = get_some (self, get);
  while (status == MP_QUEUE_OK && get->n_got < get->n && !get->deliveries[0].tentative);

  if (G_UNLIKELY (get->n_got == 0))
    return status == MP_QUEUE_EMPTY && mp_shared_queue_is_drained (self) ? MP_QUEUE_CLOSED
                                                                         : status;
  note->keeps_wakeup = get->deliveries[0].tentative;
  if (!note->keeps_wakeup)
    mp_waiters_wake (&self->memory, MP_QUEUE_WAIT_SPACE, get->n_got);
  return MP_QUEUE_OK;
}

/* Messages that dead consumers held are to go ahead of newer ones, also if the queue is never
 * empty.  Sleeping consumers detect deaths, but then none sleeps, so check here.  A check costs a
 * system call for each participant, so it is not made for each message.  In a plain queue, leases
 * exist only while a large message is copied. */
static void
look_who_died (MpSharedQueue *self)
{
  if (mp_lease_count_used (&self->memory) != 0)
    mp_recovery_run_at_times (&self->memory);
}

MpQueueStatus
mp_shared_queue_get (gpointer               user_data,
                     MpQueueDelivery       *deliveries,
                     guint                  n,
                     const MpQueueAccepted *accepted,
                     MpQueueCall           *call,
                     guint                 *n_got)
{
  MpSharedQueue *self = user_data;
  Get            get = { deliveries, n, accepted, 0 };
  MpQueueStatus  status = mp_shared_queue_enter (self);

  if (G_LIKELY (status == MP_QUEUE_OK))
    {
      look_who_died (self);
      status = mp_shared_queue_try_and_wait (self, MP_QUEUE_WAIT_ITEMS, call, try_get, &get);
    }
  mp_shared_queue_leave (self);
  *n_got = get.n_got;
  return status;
}

/* --- Settling ------------------------------------------------------------------------------ */

/* Whether the message is still the next one.  The caller holds the head lock. */
static MpQueueStatus
find_again (MpSharedQueue         *self,
            const MpQueueDelivery *delivery,
            Front                 *front)
{
  MpQueueStatus status = find_front (self, front);
  MpLease      *slot;

  if (status != MP_QUEUE_OK)
    return status == MP_QUEUE_EMPTY ? MP_QUEUE_STALE : status;
  if (front->orphan == 0)
    return mp_load (&self->memory.head->word) == delivery->position ? MP_QUEUE_OK : MP_QUEUE_STALE;

  slot = mp_memory_lease (&self->memory, front->orphan - 1);
  return delivery->position == POSITION_ORPHAN && front->orphan == delivery->token.lease &&
             slot->serial == delivery->token.serial &&
             slot->n_deliveries == delivery->token.n_deliveries
           ? MP_QUEUE_OK
           : MP_QUEUE_STALE;
}

/* Takes a message of which the caller already has a copy.  The caller holds the head lock. */
static MpQueueStatus
take_copied_uncounted (MpSharedQueue   *self,
                       const Front     *front,
                       MpQueueDelivery *delivery)
{
  MpMemory *memory = &self->memory;

  if (front->orphan != 0)
    {
      mp_shared_queue_adopt (self, front->orphan, delivery);
      return MP_QUEUE_OK;
    }
  if (mp_shared_queue_is_acknowledged (self))
    return mp_shared_queue_claim (self, &front->record, delivery);

  delivery->token.lease = 0;
  if (front->record.block == 0)
    {
      mp_ring_advance (memory, &front->record);
      return MP_QUEUE_OK;
    }
  if (!mp_lock_take (memory, MP_LOCK_ARENA))
    return MP_QUEUE_BUSY;
  mp_ring_advance (memory, &front->record);
  mp_arena_free (memory, front->record.block);
  mp_unlock (memory, MP_LOCK_ARENA);
  return MP_QUEUE_OK;
}

static MpQueueStatus
take_copied (MpSharedQueue   *self,
             const Front     *front,
             MpQueueDelivery *delivery)
{
  MpQueueStatus status = take_copied_uncounted (self, front, delivery);

  if (status == MP_QUEUE_OK)
    count_got (self);
  return status;
}

typedef struct
{
  MpQueueDelivery *delivery;
  gboolean         take;
} Settle;

static MpQueueStatus
settle_in_place (MpSharedQueue *self,
                 gpointer       data,
                 MpAttemptNote *note)
{
  Settle          *settle = data;
  MpQueueDelivery *delivery = settle->delivery;
  MpMemory        *memory = &self->memory;
  MpQueueStatus    status;
  Front            front;

  if (!mp_lock_take (memory, MP_LOCK_HEAD))
    return MP_QUEUE_BUSY;
  status = find_again (self, delivery, &front);
  if (status == MP_QUEUE_OK && settle->take)
    status = take_copied (self, &front, delivery);
  else if (status != MP_QUEUE_BUSY)
    delivery->token.lease = 0;
  mp_unlock (memory, MP_LOCK_HEAD);
  return status;
}

static MpQueueStatus
settle_in_hand (MpSharedQueue *self,
                gpointer       data,
                MpAttemptNote *note)
{
  Settle *settle = data;

  return settle->take ? MP_QUEUE_OK
                      : mp_shared_queue_return_lease (self, settle->delivery->token.lease, NULL);
}

/* Having waited for a lock in vain. */
static gboolean
has_given_up (MpQueueStatus status)
{
  return status == MP_QUEUE_BUSY || status == MP_QUEUE_CANCELLED || status == MP_QUEUE_INTERRUPTED;
}

MpQueueStatus
mp_shared_queue_settle (gpointer         user_data,
                        MpQueueDelivery *delivery,
                        gboolean         take,
                        MpQueueCall     *call)
{
  MpSharedQueue *self = user_data;
  MpMemory      *memory = &self->memory;
  Settle         settle = { delivery, take };
  gboolean       in_hand = is_in_hand (delivery);
  MpQueueStatus  status = mp_shared_queue_enter (self);

  if (status != MP_QUEUE_OK)
    return status;

  status = mp_shared_queue_insist (self, call, in_hand ? settle_in_hand : settle_in_place, &settle);
  if (in_hand && has_given_up (status))
    {
      /* The caller does not want it, whether there is a lock or not. */
      mp_shared_queue_do_sometime (self, delivery->token.lease, MP_DUE_RETURN);
      status = MP_QUEUE_OK;
    }
  delivery->tentative = has_given_up (status);

  if (status == MP_QUEUE_OK && take)
    {
      if (delivery->token.lease != 0)
        keep (self, delivery);
      mp_waiters_wake (memory, MP_QUEUE_WAIT_SPACE, 1);
    }
  if (mp_shared_queue_check (self, MP_QUEUE_WAIT_ITEMS))
    mp_waiters_wake (memory, MP_QUEUE_WAIT_ITEMS, 1);
  mp_shared_queue_leave (self);
  return status;
}
