/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "poll-set.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/mp-fork.h"

/* An object as it was added to the epoll instance.  The stamp distinguishes it from a later object
 * at the same address with the same descriptor. */
typedef struct
{
  MpWaitable *object;
  gsize       stamp;
  int         fd;
  short       events;
} Slot;

struct _MpPollSet
{
  Slot               *slots;
  struct epoll_event *fired;
  gsize               n_slots;
  gboolean            is_kept;

  /* The epoll instance, -1 before it is created.  A forked child shares it with its parent, so a
   * process with another pid creates its own. */
  int epoll_fd;
  int pid;

  /* Whether a descriptor occurs more than once; epoll then reports only one of its slots. */
  gboolean has_twins;
};

static GQuark
get_kept_quark (void)
{
  static GQuark quark = 0;

  if (G_UNLIKELY (quark == 0))
    quark = g_quark_from_static_string ("mp-poll-set");
  return quark;
}

static GQuark
get_stamp_quark (void)
{
  static GQuark quark = 0;

  if (G_UNLIKELY (quark == 0))
    quark = g_quark_from_static_string ("mp-poll-set-stamp");
  return quark;
}

/* Gives the object a number that no other object has had. */
static gsize
ensure_stamp (MpWaitable *object)
{
  static gsize n_stamps = 0;
  gpointer     stored = g_object_get_qdata (G_OBJECT (object), get_stamp_quark ());
  gsize        stamp = GPOINTER_TO_SIZE (stored);

  if (stamp == 0)
    {
      stamp = (gsize) g_atomic_pointer_add (&n_stamps, 1) + 1;
      g_object_set_qdata (G_OBJECT (object), get_stamp_quark (), GSIZE_TO_POINTER (stamp));
    }

  return stamp;
}

static gboolean
is_for (MpPollSet   *self,
        MpWaitable **objects,
        gsize        n_objects)
{
  if (self->n_slots != n_objects)
    return FALSE;

  for (gsize i = 0; i < n_objects; i++)
    if (self->slots[i].object != objects[i])
      return FALSE;

  return TRUE;
}

static MpPollSet *
create (MpWaitable **objects,
        gsize        n_objects)
{
  MpPollSet *self = g_new0 (MpPollSet, 1);

  self->n_slots = n_objects;
  self->slots = g_new0 (Slot, n_objects);
  for (gsize i = 0; i < n_objects; i++)
    self->slots[i].object = objects[i];
  self->epoll_fd = -1;
  return self;
}

/* Returns the set that was kept for @objects, or a new one.  Only the caller refers to it. */
MpPollSet *
mp_poll_set_take (MpWaitable **objects,
                  gsize        n_objects)
{
  g_autoptr (MpPollSet) kept = NULL;

  if (n_objects > MP_POLL_SET_FEW)
    kept = g_object_steal_qdata (G_OBJECT (objects[0]), get_kept_quark ());

  if (kept != NULL && is_for (kept, objects, n_objects))
    return g_steal_pointer (&kept);

  return create (objects, n_objects);
}

/* Keeps the set for the next wait.  It replaces one that was kept meanwhile. */
void
mp_poll_set_keep (MpPollSet *self)
{
  if (self->n_slots <= MP_POLL_SET_FEW)
    {
      mp_poll_set_free (self);
      return;
    }

  self->is_kept = TRUE;
  g_object_set_qdata_full (G_OBJECT (self->slots[0].object), get_kept_quark (), self,
                           (GDestroyNotify) mp_poll_set_free);
}

void
mp_poll_set_free (MpPollSet *self)
{
  if (self->epoll_fd >= 0)
    close (self->epoll_fd);
  g_free (self->fired);
  g_free (self->slots);
  g_free (self);
}

gboolean
mp_poll_set_is_kept (MpPollSet *self)
{
  return self->is_kept;
}

static gboolean
is_current (MpPollSet           *self,
            const struct pollfd *fds)
{
  if (self->epoll_fd < 0 || self->pid != mp_own_pid ())
    return FALSE;

  for (gsize i = 0; i < self->n_slots; i++)
    {
      const Slot *slot = &self->slots[i];

      if (slot->fd != fds[i].fd || slot->events != fds[i].events ||
          slot->stamp != ensure_stamp (slot->object))
        return FALSE;
    }

  return TRUE;
}

/* The union of the events of all slots that have the descriptor of this slot. */
static guint32
collect_events (MpPollSet *self,
                int        fd)
{
  guint32 events = 0;

  for (gsize i = 0; i < self->n_slots; i++)
    if (self->slots[i].fd == fd)
      events |= (guint32) self->slots[i].events;

  return events;
}

static int
add (MpPollSet *self,
     gsize      i)
{
  Slot              *slot = &self->slots[i];
  struct epoll_event event = { .events = (guint32) slot->events, .data.u64 = i };

  if (slot->fd < 0 || epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, slot->fd, &event) == 0)
    return 0;
  if (errno != EEXIST)
    return errno;

  self->has_twins = TRUE;
  event.events = collect_events (self, slot->fd);
  return epoll_ctl (self->epoll_fd, EPOLL_CTL_MOD, slot->fd, &event) == 0 ? 0 : errno;
}

/* Creates a new epoll instance, since descriptors cannot be removed from the old one: they may have
 * been closed and reused meanwhile. */
static int
fill (MpPollSet           *self,
      const struct pollfd *fds)
{
  int code = 0;

  if (self->epoll_fd >= 0)
    close (self->epoll_fd);
  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (self->epoll_fd < 0)
    return errno;

  self->pid = mp_own_pid ();
  self->has_twins = FALSE;
  if (self->fired == NULL)
    self->fired = g_new (struct epoll_event, MAX (self->n_slots, 1));

  for (gsize i = 0; i < self->n_slots; i++)
    {
      self->slots[i].fd = fds[i].fd;
      self->slots[i].events = fds[i].events;
      self->slots[i].stamp = ensure_stamp (self->slots[i].object);
    }
  for (gsize i = 0; i < self->n_slots && code == 0; i++)
    code = add (self, i);

  return code;
}

int
mp_poll_set_update (MpPollSet           *self,
                    const struct pollfd *fds)
{
  int code = is_current (self, fds) ? 0 : fill (self, fds);

  if (code != 0 && self->epoll_fd >= 0)
    {
      close (self->epoll_fd);
      self->epoll_fd = -1;
    }
  return code;
}

int
mp_poll_set_get_fd (MpPollSet *self)
{
  return self->epoll_fd;
}

static int
mark (const Slot    *slot,
      struct pollfd *fd,
      guint32        events)
{
  /* The object is marked as ready already. */
  if (fd->fd < 0)
    return 0;

  fd->revents = (short) (events & ((guint32) slot->events | EPOLLERR | EPOLLHUP));
  return fd->revents != 0;
}

int
mp_poll_set_collect (MpPollSet     *self,
                     struct pollfd *fds)
{
  int n_fired = epoll_wait (self->epoll_fd, self->fired, (int) MAX (self->n_slots, 1), 0);
  int n_marked = 0;

  for (gsize i = 0; i < self->n_slots; i++)
    fds[i].revents = 0;

  for (int n = 0; n < n_fired; n++)
    {
      gsize first = self->fired[n].data.u64;
      int   fd = self->slots[first].fd;

      n_marked += mark (&self->slots[first], &fds[first], self->fired[n].events);
      for (gsize i = 0; self->has_twins && i < self->n_slots; i++)
        if (i != first && self->slots[i].fd == fd)
          n_marked += mark (&self->slots[i], &fds[i], self->fired[n].events);
    }

  return n_marked;
}
