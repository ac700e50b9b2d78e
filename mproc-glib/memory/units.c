/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "units.h"

#include "step.h"

#include <errno.h>
#include <sys/stat.h>

#define MIN_GROWTH 256u /* units */

/* How many of the pieces freed last are examined in the search for a run. */
#define N_RECENT 8

guint32
mp_units_count (MpMemory *self)
{
  guint32 n_units = mp_load (&self->arena->n_units);

  if (G_UNLIKELY (n_units > self->config.n_units_cap ||
                  (n_units > 0 && !mp_memory_contains (self, mp_units_offset (self, n_units - 1),
                                                       MP_UNIT_SIZE))))
    {
      mp_memory_set_damaged (self);
      return 0;
    }
  return n_units;
}

/* --- The free lists -------------------------------------------------------------------- */

/* The list to which a free piece belongs. */
static guint32 *
list_of (MpMemory *self,
         guint32   unit,
         guint     order)
{
  return (self->units[unit] & MP_UNIT_COLD) != 0 ? &self->arena->cold_unit[order]
                                                 : &self->arena->warm_unit[order];
}

void
mp_units_push (MpMemory *self,
               guint32   unit,
               guint     order)
{
  guint32 *first = list_of (self, unit, order);
  guint32  next = *first;

  self->links[unit].next = next;
  self->links[unit].previous = 0;
  if (next != 0 && next <= self->config.n_units_cap)
    self->links[next - 1].previous = unit + 1;
  *first = unit + 1;
  mp_store (&self->arena->n_free, self->arena->n_free + (1u << order));
  if (first == &self->arena->warm_unit[order])
    mp_store (&self->arena->n_free_warm, self->arena->n_free_warm + (1u << order));
}

/* Another process may have corrupted the number: it never wraps around. */
static void
subtract (guint32 *number,
          guint32  n)
{
  guint32 old = mp_load (number);

  mp_store (number, old - MIN (old, n));
}

void
mp_units_remove (MpMemory *self,
                 guint32   unit,
                 guint     order)
{
  guint32   *first = list_of (self, unit, order);
  MpUnitLink link = self->links[unit];

  if (link.previous != 0 && link.previous <= self->config.n_units_cap)
    self->links[link.previous - 1].next = link.next;
  else
    *first = link.next;
  if (link.next != 0 && link.next <= self->config.n_units_cap)
    self->links[link.next - 1].previous = link.previous;
  subtract (&self->arena->n_free, 1u << order);
  if (first == &self->arena->warm_unit[order])
    subtract (&self->arena->n_free_warm, 1u << order);
}

/* Whether the piece's buddy is also free, and warm or cold like the piece: memory that was returned
 * to the system stays separate from memory that is present. */
static gboolean
can_merge (MpMemory *self,
           guint32   unit,
           guint     order,
           guint32   buddy)
{
  return order + 1 < MP_N_ORDERS && (guint64) buddy + (1u << order) <= mp_units_count (self) &&
         self->units[buddy] == self->units[unit];
}

/* Merges a free piece with its buddies and puts it into its list.  @only_lower: while the lists are
 * rebuilt in ascending order, only pieces below this one are in a list yet. */
static void
release (MpMemory *self,
         guint32   unit,
         guint     order,
         gboolean  only_lower)
{
  for (;;)
    {
      guint32 buddy = unit ^ (1u << order);
      guint32 low = MIN (unit, buddy);
      guint8  cold;

      if ((only_lower && buddy > unit) || !can_merge (self, unit, order, buddy))
        break;

      mp_units_remove (self, buddy, order);
      cold = (self->units[unit] | self->units[buddy]) & MP_UNIT_COLD;
      order++;
      mp_store (&self->units[low], (guint8) (MP_UNIT_FREE | cold | order));
      MP_STEP ("arena/merged");
      mp_store (&self->units[MAX (unit, buddy)], (guint8) 0);
      unit = low;
    }

  mp_units_push (self, unit, order);
}

void
mp_units_release (MpMemory *self,
                  guint32   unit,
                  guint     order)
{
  release (self, unit, order, FALSE);
}

gboolean
mp_units_find (MpMemory *self,
               guint     order,
               gboolean  is_cold,
               guint32  *unit,
               guint    *found)
{
  const guint32 *lists = is_cold ? self->arena->cold_unit : self->arena->warm_unit;
  const guint8   state = is_cold ? MP_UNIT_FREE | MP_UNIT_COLD : MP_UNIT_FREE;

  for (guint o = order; o < MP_N_ORDERS; o++)
    {
      guint32 first = mp_load (&lists[o]);

      if (first == 0)
        continue;
      if (first - 1 + (G_GUINT64_CONSTANT (1) << o) > mp_units_count (self) ||
          ((first - 1) & ((1u << o) - 1)) != 0 || self->units[first - 1] != (state | o))
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

gboolean
mp_units_find_run (MpMemory *self,
                   guint64   n,
                   gboolean  only_warm,
                   guint32  *unit)
{
  const guint8 mask = MP_UNIT_FREE | (only_warm ? MP_UNIT_COLD : 0);
  guint64      n_units = mp_units_count (self);
  guint64      length = 0;

  for (guint64 u = 0; u < n_units;)
    {
      guint8  state = self->units[u];
      guint64 size = mp_unit_size (state);

      length = (state & mask) == MP_UNIT_FREE ? length + size : 0;
      u += size;
      if (length >= n && u <= n_units)
        {
          *unit = (guint32) (u - length);
          return TRUE;
        }
    }
  return FALSE;
}

/* The number of units in adjacent free pieces with memory from @unit on, counted up to @n. */
static guint64
measure_warm (MpMemory *self,
              guint64   unit,
              guint64   n)
{
  guint64 n_units = mp_units_count (self);
  guint64 end = unit;

  while (end < n_units && end - unit < n &&
         (self->units[end] & (MP_UNIT_FREE | MP_UNIT_COLD)) == MP_UNIT_FREE)
    end += mp_unit_size (self->units[end]);
  return end <= n_units ? end - unit : 0;
}

/* Finds the pieces of a freed block: a block begins with its largest piece, and its pieces are
 * freed as they were cut. */
gboolean
mp_units_find_recent_run (MpMemory *self,
                          guint64   n,
                          guint32  *unit)
{
  guint   order = 63 - (guint) __builtin_clzll (n);
  guint32 next;

  if (order >= MP_N_ORDERS)
    return FALSE;

  next = mp_load (&self->arena->warm_unit[order]);
  for (guint i = 0; i < N_RECENT && next != 0 && next <= mp_units_count (self); i++)
    {
      if (self->units[next - 1] != (MP_UNIT_FREE | order))
        return FALSE;
      if (measure_warm (self, next - 1, n) >= n)
        {
          *unit = next - 1;
          return TRUE;
        }
      next = mp_load (&self->links[next - 1].next);
    }
  return FALSE;
}

void
mp_units_rebuild (MpMemory *self)
{
  guint64 n_units = mp_units_count (self);

  for (guint order = 0; order < MP_N_ORDERS; order++)
    {
      mp_store (&self->arena->warm_unit[order], 0);
      mp_store (&self->arena->cold_unit[order], 0);
    }
  mp_store (&self->arena->n_free, 0);
  mp_store (&self->arena->n_free_warm, 0);

  for (guint64 unit = 0; unit < n_units;)
    {
      guint8  state = self->units[unit];
      guint64 size = mp_unit_size (state);

      if ((state & (MP_UNIT_FREE | MP_UNIT_USED)) == 0 || (unit & (size - 1)) != 0 ||
          unit + size > n_units)
        {
          mp_memory_set_damaged (self);
          return;
        }
      if (state & MP_UNIT_FREE)
        release (self, (guint32) unit, mp_unit_order (state), TRUE);
      unit += size;
    }
}

/* --- Growing ---------------------------------------------------------------------------- */

/* The order of the largest piece that begins at @unit, ends before @end, and is aligned to its
 * size. */
static guint
piece_order (guint64 unit,
             guint64 end)
{
  guint aligned = unit == 0 ? MP_N_ORDERS - 1 : (guint) __builtin_ctzll (unit);
  guint fit = 63 - (guint) __builtin_clzll (end - unit);

  return MIN (MIN (aligned, fit), MP_N_ORDERS - 1);
}

static gboolean
extend (MpMemory *self,
        guint64   old,
        guint64   target)
{
  if (!mp_memory_extend (self, mp_units_offset (self, target)) ||
      !mp_memory_back (self, MP_OFFSET_UNITS + old, target - old) ||
      !mp_memory_back (self, mp_memory_offset_of (self, &self->links[old]),
                       (target - old) * sizeof (MpUnitLink)))
    return FALSE;
  MP_STEP ("arena/grown");

  for (guint64 unit = old; unit < target;)
    {
      guint order = piece_order (unit, target);

      mp_store (&self->units[unit], (guint8) (MP_UNIT_FREE | MP_UNIT_COLD | order));
      unit += G_GUINT64_CONSTANT (1) << order;
    }
  mp_store_release (&self->arena->n_units, (guint32) target);
  MP_STEP ("arena/counted");

  for (guint64 unit = old; unit < target;)
    {
      guint order = mp_unit_order (self->units[unit]);

      mp_units_push (self, (guint32) unit, order);
      unit += G_GUINT64_CONSTANT (1) << order;
    }
  return TRUE;
}

gboolean
mp_units_grow (MpMemory *self,
               guint     order)
{
  guint64 old = mp_units_count (self);
  guint64 block = G_GUINT64_CONSTANT (1) << order;
  guint64 needed = ((old + block - 1) & ~(block - 1)) + block;
  guint64 wanted = MAX (MAX (needed, old + old / 4), MIN_GROWTH);

  errno = 0;
  if (needed > self->config.n_units_cap)
    return FALSE;
  return extend (self, old, MIN (wanted, self->config.n_units_cap)) ||
         extend (self, old, needed);
}

gboolean
mp_units_grow_by (MpMemory *self,
                  guint64   n)
{
  guint64 old = mp_units_count (self);
  guint64 target = MIN (old + n, self->config.n_units_cap);

  errno = 0;
  return target > old && extend (self, old, target);
}
