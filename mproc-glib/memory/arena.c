/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "arena.h"

#include "lock.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

/* State byte of the first unit of a block; the others hold 0. */
#define UNIT_FREE       0x40
#define UNIT_USED       0x80
#define UNIT_CLEAN      0x20 /* free, and its memory was given back */
#define UNIT_ORDER_MASK 0x1f

#define MIN_GROWTH 256u /* units */

/* Free memory up to this is kept for the next burst; what exceeds it goes back to the
 * system, a block at a time. */
#define KEEP_DIRTY     (64u * 1024 * 1024 / MP_UNIT_SIZE)
#define MIN_TRIM_ORDER 5

static guint64
unit_offset (MpMemory *self,
             guint32   unit)
{
  return self->arena_offset + (guint64) unit * MP_UNIT_SIZE;
}

static guint
unit_order (guint8 state)
{
  return state & UNIT_ORDER_MASK;
}

guint32
mp_arena_count_units (MpMemory *self)
{
  guint32 n_units = mp_load (&self->arena->n_units);

  if (G_UNLIKELY (n_units > self->config.n_units_cap ||
                  (n_units > 0 &&
                   !mp_memory_contains (self, unit_offset (self, n_units - 1), MP_UNIT_SIZE))))
    {
      mp_memory_set_damaged (self);
      return 0;
    }
  return n_units;
}

static void
list_push (MpMemory *self,
           guint32   unit,
           guint     order)
{
  guint32 next = self->arena->free_unit[order];

  self->links[unit] = (MpUnitLink){ .next = next, .previous = 0 };
  if (next != 0 && next <= self->config.n_units_cap)
    self->links[next - 1].previous = unit + 1;
  self->arena->free_unit[order] = unit + 1;
  if ((self->units[unit] & UNIT_CLEAN) == 0)
    self->arena->n_free_dirty += 1u << order;
}

static void
list_remove (MpMemory *self,
             guint32   unit,
             guint     order)
{
  MpUnitLink link = self->links[unit];

  if (link.previous != 0 && link.previous <= self->config.n_units_cap)
    self->links[link.previous - 1].next = link.next;
  else
    self->arena->free_unit[order] = link.next;
  if (link.next != 0 && link.next <= self->config.n_units_cap)
    self->links[link.next - 1].previous = link.previous;
  if ((self->units[unit] & UNIT_CLEAN) == 0)
    self->arena->n_free_dirty -= MIN (self->arena->n_free_dirty, 1u << order);
}

/* Whether the block's buddy is free too, and alike: memory that was given back stays apart
 * from memory that is still warm, unless @mix. */
static gboolean
can_merge (MpMemory *self,
           guint32   unit,
           guint     order,
           guint32   buddy,
           gboolean  mix)
{
  guint8 mask = mix ? (guint8) ~UNIT_CLEAN : 0xff;

  return order + 1 < MP_N_ORDERS - 4 &&
         (guint64) buddy + (1u << order) <= mp_arena_count_units (self) &&
         (self->units[buddy] & mask) == (self->units[unit] & mask);
}

/* Puts a free block in its list, merged with its buddies as far as it goes.  While lists
 * are rebuilt, in ascending order, only the lower ones are in a list yet. */
static void
release_unit (MpMemory *self,
              guint32   unit,
              guint     order,
              gboolean  only_lower,
              gboolean  mix)
{
  for (;;)
    {
      guint32 buddy = unit ^ (1u << order);
      guint32 low = MIN (unit, buddy);
      guint8  clean;

      if ((only_lower && buddy > unit) || !can_merge (self, unit, order, buddy, mix))
        break;

      list_remove (self, buddy, order);
      clean = self->units[unit] & self->units[buddy] & UNIT_CLEAN;
      order++;
      mp_store (&self->units[low], (guint8) (UNIT_FREE | clean | order));
      MP_STEP ("arena/merged");
      mp_store (&self->units[MAX (unit, buddy)], (guint8) 0);
      unit = low;
    }

  list_push (self, unit, order);
}

/* Extends the file, if nobody else has meanwhile, to hold one more block of @order. */
static gboolean
grow (MpMemory *self,
      guint     order)
{
  guint64     old = mp_arena_count_units (self);
  guint64     block = G_GUINT64_CONSTANT (1) << order;
  guint64     needed = ((old + block - 1) & ~(block - 1)) + block;
  guint64     wanted = MAX (MAX (needed, old + old / 4), MIN_GROWTH);
  guint64     target = MIN (wanted, self->config.n_units_cap);
  struct stat status;

  if (needed > self->config.n_units_cap || fstat (self->fd, &status) == -1)
    return FALSE;
  if ((guint64) status.st_size < unit_offset (self, (guint32) target) &&
      ftruncate (self->fd, (off_t) unit_offset (self, (guint32) target)) == -1)
    return FALSE;
  MP_STEP ("arena/grown");

  for (guint64 unit = old; unit < target;)
    {
      guint unit_bits = unit == 0 ? MP_N_ORDERS - 5 : (guint) __builtin_ctzll (unit);
      guint fit = 63 - (guint) __builtin_clzll (target - unit);
      guint size = MIN (MIN (unit_bits, fit), MP_N_ORDERS - 5);

      mp_store (&self->units[unit], (guint8) (UNIT_FREE | UNIT_CLEAN | size));
      unit += G_GUINT64_CONSTANT (1) << size;
    }
  mp_store_release (&self->arena->n_units, (guint32) target);
  MP_STEP ("arena/counted");

  for (guint64 unit = old; unit < target;)
    {
      guint size = unit_order (self->units[unit]);

      list_push (self, (guint32) unit, size);
      unit += G_GUINT64_CONSTANT (1) << size;
    }
  return TRUE;
}

static gboolean
find_free (MpMemory *self,
           guint     order,
           guint32  *unit,
           guint    *found)
{
  for (guint o = order; o < MP_N_ORDERS - 4; o++)
    {
      guint32 first = mp_load (&self->arena->free_unit[o]);

      if (first == 0)
        continue;
      if (first - 1 + (G_GUINT64_CONSTANT (1) << o) > mp_arena_count_units (self) ||
          ((first - 1) & ((1u << o) - 1)) != 0 ||
          (self->units[first - 1] & ~UNIT_CLEAN) != (UNIT_FREE | o))
        {
          mp_memory_set_damaged (self);
          return FALSE;
        }
      *unit = first - 1;
      *found = o;
      return TRUE;
    }
  return FALSE;
}

static void
rebuild (MpMemory *self,
         gboolean  mix)
{
  guint64 n_units = mp_arena_count_units (self);

  for (guint order = 0; order < MP_N_ORDERS; order++)
    mp_store (&self->arena->free_unit[order], 0);
  self->arena->n_free_dirty = 0;

  for (guint64 unit = 0; unit < n_units;)
    {
      guint8  state = self->units[unit];
      guint64 size = G_GUINT64_CONSTANT (1) << unit_order (state);

      if ((state & (UNIT_FREE | UNIT_USED)) == 0 || (unit & (size - 1)) != 0 ||
          unit + size > n_units)
        {
          mp_memory_set_damaged (self);
          return;
        }
      if (state & UNIT_FREE)
        release_unit (self, (guint32) unit, unit_order (state), TRUE, mix);
      unit += size;
    }
}

/* The smallest order whose blocks hold @size bytes. */
guint
mp_arena_order_for (guint64 size)
{
  guint64 units = (size + MP_UNIT_SIZE - 1) / MP_UNIT_SIZE;

  return units <= 1 ? 0 : 64 - (guint) __builtin_clzll (units - 1);
}

/* Returns the offset of a block, or 0 when the cap is reached. */
guint64
mp_arena_allocate (MpMemory *self,
                   guint     order)
{
  guint32 unit;
  guint   found;
  guint8  clean;

  if (order >= MP_N_ORDERS - 4)
    return 0;

  if (!find_free (self, order, &unit, &found) &&
      !(grow (self, order) && find_free (self, order, &unit, &found)))
    {
      rebuild (self, TRUE);
      if (!find_free (self, order, &unit, &found))
        return 0;
    }

  list_remove (self, unit, found);
  clean = self->units[unit] & UNIT_CLEAN;
  while (found > order)
    {
      guint32 upper;

      found--;
      upper = unit + (1u << found);
      mp_store (&self->units[upper], (guint8) (UNIT_FREE | clean | found));
      list_push (self, upper, found);
      /* The lower half shrinks after the upper is named, so that a walk finds both. */
      mp_store (&self->units[unit], (guint8) (UNIT_FREE | clean | found));
      MP_STEP ("arena/split");
    }
  mp_store (&self->units[unit], (guint8) (UNIT_USED | order));
  MP_STEP ("arena/allocated");
  return unit_offset (self, unit);
}

/* Gives the memory of the largest warm free block back to the system. */
static void
trim (MpMemory *self)
{
  for (guint order = MP_N_ORDERS - 5; order >= MIN_TRIM_ORDER; order--)
    {
      guint32 unit = mp_load (&self->arena->free_unit[order]);

      if (unit == 0 || unit - 1 + (G_GUINT64_CONSTANT (1) << order) > mp_arena_count_units (self) ||
          self->units[unit - 1] != (UNIT_FREE | order))
        continue;

      unit--;
      if (fallocate (self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                     (off_t) unit_offset (self, unit), (off_t) MP_UNIT_SIZE << order) == 0)
        {
          list_remove (self, unit, order);
          mp_store (&self->units[unit], (guint8) (UNIT_FREE | UNIT_CLEAN | order));
          release_unit (self, unit, order, FALSE, FALSE);
        }
      return;
    }
}

/* The used block that begins at @offset, or FALSE: the offset may be garbage. */
static gboolean
find_block (MpMemory *self,
            guint64   offset,
            guint32  *unit,
            guint    *order)
{
  guint64 index = (offset - self->arena_offset) / MP_UNIT_SIZE;
  guint8  state;

  if (offset < self->arena_offset || (offset & (MP_UNIT_SIZE - 1)) != 0 ||
      index >= mp_arena_count_units (self))
    return FALSE;

  state = mp_load (&self->units[index]);
  *unit = (guint32) index;
  *order = unit_order (state);
  return (state & UNIT_USED) != 0 && (index & ((1u << *order) - 1)) == 0 &&
         index + (G_GUINT64_CONSTANT (1) << *order) <= mp_arena_count_units (self);
}

void
mp_arena_free (MpMemory *self,
               guint64   offset)
{
  guint32 unit;
  guint   order;

  if (!find_block (self, offset, &unit, &order))
    {
      mp_memory_set_damaged (self);
      return;
    }

  mp_store (&self->units[unit], (guint8) (UNIT_FREE | order));
  MP_STEP ("arena/freed");
  release_unit (self, unit, order, FALSE, FALSE);
  if (G_UNLIKELY (self->arena->n_free_dirty > KEEP_DIRTY))
    trim (self);
}

/* Whether a used block that can hold @size bytes begins at @offset.  Works without the
 * lock for a block that cannot be freed meanwhile. */
gboolean
mp_arena_is_block (MpMemory *self,
                   guint64   offset,
                   guint64   size)
{
  guint32 unit;
  guint   order;

  return find_block (self, offset, &unit, &order) &&
         size <= (guint64) MP_UNIT_SIZE << order;
}

/* Makes the free lists again from the unit table. */
void
mp_arena_rebuild (MpMemory *self)
{
  rebuild (self, FALSE);
}

void
mp_arena_sweep (MpMemory     *self,
                const guint8 *marks,
                guint32       n_marks)
{
  guint64 size;

  for (guint64 unit = 0; unit < n_marks; unit += size)
    {
      guint8 state = self->units[unit];

      size = G_GUINT64_CONSTANT (1) << unit_order (state);
      if ((state & UNIT_USED) != 0 && !marks[unit])
        mp_store (&self->units[unit], (guint8) (UNIT_FREE | unit_order (state)));
      MP_STEP ("arena/swept");
    }
  rebuild (self, FALSE);
}

/* How many units are in used blocks. */
guint
mp_arena_get_n_used (MpMemory *self)
{
  guint64 n_units = mp_arena_count_units (self);
  guint   n_used = 0;

  for (guint64 unit = 0; unit < n_units;)
    {
      guint8 state = self->units[unit];

      if (state & UNIT_USED)
        n_used += 1u << unit_order (state);
      unit += G_GUINT64_CONSTANT (1) << unit_order (state);
    }
  return n_used;
}

/* One intent for each thread at work; a ninth waits for one to get free. */
static guint
claim_intent (MpMemory *self)
{
  for (;;)
    {
      guint32 used = mp_load (&self->intents_used);
      guint32 free_bits = ~used & ((1u << MP_N_INTENTS) - 1);

      if (free_bits == 0)
        sched_yield ();
      else
        {
          guint intent = (guint) __builtin_ctz (free_bits);

          if (__atomic_compare_exchange_n (&self->intents_used, &used, used | 1u << intent,
                                           FALSE, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return intent;
        }
    }
}

/* Returns the offset of a block for @size bytes that survives the recovery of others, and
 * is freed by them when we die; 0 when there is no room. */
guint64
mp_arena_begin_intent (MpMemory *self,
                       guint64   size,
                       guint    *intent)
{
  guint64 block;

  *intent = claim_intent (self);
  mp_lock (self, MP_LOCK_ARENA);
  block = mp_arena_allocate (self, mp_arena_order_for (size));
  mp_store (mp_arena_intent (self, *intent), block);
  MP_STEP ("put/intended");
  mp_unlock (self, MP_LOCK_ARENA);

  if (block == 0)
    mp_arena_end_intent (self, *intent, 0);
  return block;
}

/* Where it is: whoever publishes the block clears it, with the lock that publishing takes. */
guint64 *
mp_arena_intent (MpMemory *self,
                 guint     intent)
{
  return &mp_memory_participant (self, self->participant)->intents[intent];
}

/* Ends an intent that is clear; or @unpublished is the block that was not published after all. */
void
mp_arena_end_intent (MpMemory *self,
                     guint     intent,
                     guint64   unpublished)
{
  if (unpublished != 0)
    {
      mp_lock (self, MP_LOCK_ARENA);
      mp_store (mp_arena_intent (self, intent), 0);
      mp_arena_free (self, unpublished);
      mp_unlock (self, MP_LOCK_ARENA);
    }
  __atomic_fetch_and (&self->intents_used, ~(1u << intent), __ATOMIC_RELEASE);
}
