/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A model of the queue in shared memory for the model checker Spin: put, commit, get, sleeping and
 * waking, and the repair that follows a death.  One process may be killed and one stopped, each at
 * any step.  Bounds, payload blocks, segments and leases are not modelled.
 *
 * Memory.  Stores go to a buffer of the process that makes them and reach the memory later.  They
 * may overtake each other, but a release store does not overtake what was stored before it, and
 * stores to one place keep their order.  A fence waits until the buffer is empty.  The buffer of a
 * process that was killed is still written out.  Loads happen in program order: those that
 * decide are acquire loads, or come after a fence.
 *
 * Intentional bugs, each of which the checker has to find:
 *
 *   NO_WAKER_FENCE    a producer checks for sleepers without a fence after its commit
 *   NO_SLEEPER_FENCE  a consumer looks once more without a fence after it has set its bit
 *   NO_RECHECK        a consumer sleeps without looking once more
 *   NO_RELEASE        the header is stored like any other word, without release
 *   NO_REPAIR         the tail is not repaired when the lock of a dead producer is taken
 *   NO_SLICE          sleepers do not look by themselves after a death
 *   NO_SHUTDOWN_FENCE who shuts the queue down checks for sleepers without a fence
 *
 * With SHUTDOWN, producers shut the queue down after their put, without a lock.
 */

#ifndef N_PRODUCERS
#define N_PRODUCERS 2
#endif
#ifndef N_CONSUMERS
#define N_CONSUMERS 2
#endif
#ifndef N_KILLS
#define N_KILLS 1
#endif
#ifndef N_STOPS
#define N_STOPS 0
#endif

#define N_WORKERS (N_PRODUCERS + N_CONSUMERS)
#define N_SLOTS   (N_PRODUCERS + 1)

/* Addresses in the memory. */
#define TAIL_LOCK  0
#define HEAD_LOCK  1
#define TAIL       2
#define HEAD       3
#define HEADER(i)  (4 + (i))
#define PAYLOAD(i) (4 + N_SLOTS + (i))
#define BIT(w)     (4 + 2 * N_SLOTS + (w))
#define SHUT       (4 + 2 * N_SLOTS + N_WORKERS)
#define N_PLACES   (SHUT + 1)

/* The previous content of the memory: a record that would be taken for committed by mistake. */
#define STALE 99

byte memory[N_PLACES];

/* The store buffers: address plus one, value, whether it is a release store. */
#define DEPTH 5
typedef Buffer {
  byte n;
  byte place[DEPTH];
  byte value[DEPTH];
  bit  release[DEPTH];
};
Buffer buffers[N_WORKERS];

/* The state of the kernel's futexes. */
byte futex[N_WORKERS];
bit  asleep[N_WORKERS];
bit  dead[N_WORKERS];
bit  stopped[N_WORKERS];
bit  finished[N_WORKERS];
byte n_kills;
byte n_stops;

/* For the assertions: for each message, whether its put has returned, and how often it was taken.
 */
bit  returned[N_PRODUCERS + 1];
byte taken[N_PRODUCERS + 1];

#define STORE(w, where, what, is_release) \
  d_step { \
    buffers[w].n < DEPTH; \
    buffers[w].place[buffers[w].n] = where; \
    buffers[w].value[buffers[w].n] = what; \
    buffers[w].release[buffers[w].n] = is_release; \
    buffers[w].n++ \
  }

/* A load returns the newest store in the own buffer, else the memory. */
#define IN_BUFFER(w, k, where) (buffers[w].n > k && buffers[w].place[k] == (where))
#define LOAD(w, result, where) \
  result = (IN_BUFFER (w, 4, where) -> buffers[w].value[4] : \
           (IN_BUFFER (w, 3, where) -> buffers[w].value[3] : \
           (IN_BUFFER (w, 2, where) -> buffers[w].value[2] : \
           (IN_BUFFER (w, 1, where) -> buffers[w].value[1] : \
           (IN_BUFFER (w, 0, where) -> buffers[w].value[0] : memory[where])))))

#define FENCE(w) (buffers[w].n == 0)

/* Writes out the store at position k of the buffer of w. */
inline drain (w, k)
{
  memory[buffers[w].place[k]] = buffers[w].value[k];
  j = k;
  do
  :: j + 1 < buffers[w].n ->
     buffers[w].place[j] = buffers[w].place[j + 1];
     buffers[w].value[j] = buffers[w].value[j + 1];
     buffers[w].release[j] = buffers[w].release[j + 1];
     j++
  :: else -> break
  od;
  buffers[w].place[j] = 0;
  buffers[w].value[j] = 0;
  buffers[w].release[j] = 0;
  buffers[w].n--;
  j = 0
}

/* Whether the store at position k may become visible now. */
#define SAME(w, k, l) (buffers[w].place[k] == buffers[w].place[l])
#define MAY_DRAIN(w, k) \
  (k < buffers[w].n && \
   (k == 0 || (!buffers[w].release[k] && \
               !SAME (w, k, 0) && (k < 2 || !SAME (w, k, 1)) && (k < 3 || !SAME (w, k, 2)) && \
               (k < 4 || !SAME (w, k, 3)))))

proctype Store_buffer (byte w)
{
  byte j;

end:
  do
  :: d_step { MAY_DRAIN (w, 0) -> drain (w, 0) }
  :: d_step { MAY_DRAIN (w, 1) -> drain (w, 1) }
  :: d_step { MAY_DRAIN (w, 2) -> drain (w, 2) }
  :: d_step { MAY_DRAIN (w, 3) -> drain (w, 3) }
  :: d_step { MAY_DRAIN (w, 4) -> drain (w, 4) }
  od
}

#define OWNER(lock) (memory[lock] - 1)

#define HAS_STORED(w, where) \
  (IN_BUFFER (w, 0, where) || IN_BUFFER (w, 1, where) || IN_BUFFER (w, 2, where) || \
   IN_BUFFER (w, 3, where) || IN_BUFFER (w, 4, where))

/* Takes a lock: when it is free, or when its owner is dead, whose stores are all visible by the
 * time that the kernel reports its death; then the state that the lock guards may have to be
 * repaired.  This is an acquire operation only: what was stored before may become visible after it.
 * While the owner is stopped the call ends at its deadline. */
inline take_lock (w, lock)
{
  repair = 0;
  busy = 0;
  !HAS_STORED (w, lock);
  if
  :: d_step { memory[lock] == 0 -> memory[lock] = w + 1 }
  :: d_step { memory[lock] != 0 && dead[OWNER (lock)] && buffers[OWNER (lock)].n == 0 ->
              memory[lock] = w + 1; repair = 1 }
  :: memory[lock] != 0 && stopped[OWNER (lock)] -> busy = 1
  fi
}

/* A dead producer may have left records that are committed but not yet counted by the tail. */
inline repair_tail (w)
{
  LOAD (w, position, TAIL);
  do
  :: true ->
     LOAD (w, seen, HEADER (position));
     if
     :: seen == 0 -> break
     :: else -> position++
     fi;
     STORE (w, TAIL, position, 1)
  od
}

/* Clears a bit and wakes its sleeper; continues with the next one if it was not asleep. */
inline wake_one (w)
{
  victim = N_PRODUCERS;
  do
  :: victim == N_WORKERS -> break
  :: victim < N_WORKERS ->
     LOAD (w, seen, BIT (victim));
     if
     :: seen != 0 ->
        FENCE (w);
        d_step { seen = memory[BIT (victim)]; memory[BIT (victim)] = 0 };
        if
        :: seen != 0 ->
           futex[victim]++;
           d_step { seen = asleep[victim]; asleep[victim] = 0 };
           if
           :: seen != 0 -> break
           :: else -> skip
           fi
        :: else -> skip
        fi
     :: else -> skip
     fi;
     victim++
  od;
  victim = 0;
  seen = 0
}

/* Wakes all sleepers: those that set their bits later see the shutdown. */
inline wake_all (w)
{
  victim = N_PRODUCERS;
  do
  :: victim == N_WORKERS -> break
  :: victim < N_WORKERS ->
     LOAD (w, seen, BIT (victim));
     if
     :: seen != 0 ->
        FENCE (w);
        d_step { seen = memory[BIT (victim)]; memory[BIT (victim)] = 0 };
        if
        :: seen != 0 -> futex[victim]++; asleep[victim] = 0
        :: else -> skip
        fi
     :: else -> skip
     fi;
     victim++
  od;
  victim = 0;
  seen = 0
}

/* Puts message w + 1. */
proctype Producer (byte w) provided (!stopped[w])
{
  byte position, seen, victim;
  bit  repair, busy;

  {
    do
    :: take_lock (w, TAIL_LOCK);
       if
       :: busy -> (memory[TAIL_LOCK] == 0 || !stopped[OWNER (TAIL_LOCK)])
       :: else -> break
       fi
    od;
    if
#ifndef NO_REPAIR
    :: repair -> repair_tail (w)
    :: !repair
#else
    :: true
#endif
    fi;

    LOAD (w, position, TAIL);
    STORE (w, HEADER (position + 1), 0, 0);
    STORE (w, PAYLOAD (position), w + 1, 0);
#ifdef NO_RELEASE
    STORE (w, HEADER (position), w + 1, 0);
#else
    STORE (w, HEADER (position), w + 1, 1);
#endif
    STORE (w, TAIL, position + 1, 1);
    STORE (w, TAIL_LOCK, 0, 1);
#ifndef NO_WAKER_FENCE
    FENCE (w);
#endif
    wake_one (w);
    returned[w + 1] = 1;
#ifdef SHUTDOWN
    STORE (w, SHUT, 1, 0);
#ifndef NO_SHUTDOWN_FENCE
    FENCE (w);
#endif
    wake_all (w);
#endif
    finished[w] = 1
  } unless { dead[w] }
}

/* Tries to take one message: got is its number, or 0.  Only without a message it matters whether the
 * queue was shut down. */
inline try_get (w)
{
  got = 0;
  take_lock (w, HEAD_LOCK);
  if
  :: busy -> skip
  :: else ->
     LOAD (w, position, HEAD);
     LOAD (w, got, HEADER (position));
     if
     :: got != 0 ->
        assert (got != STALE);
        LOAD (w, seen, PAYLOAD (position));
        assert (seen == got);
        d_step {
          buffers[w].n < DEPTH;
          buffers[w].place[buffers[w].n] = HEAD;
          buffers[w].value[buffers[w].n] = position + 1;
          buffers[w].release[buffers[w].n] = 1;
          buffers[w].n++;
          taken[got]++;
          assert (taken[got] == 1)
        }
     :: else -> LOAD (w, shut, SHUT)
     fi;
     STORE (w, HEAD_LOCK, 0, 1)
  fi;
  position = 0;
  seen = 0
}

/* Slices end repeatedly: the one that matters is the first after all stores of dead processes have
 * become visible. */
#define IS_GONE(w) (!dead[w] || buffers[w].n == 0)
#if N_WORKERS > 3
#define ALL_GONE (IS_GONE (0) && IS_GONE (1) && IS_GONE (2) && IS_GONE (3))
#elif N_WORKERS > 2
#define ALL_GONE (IS_GONE (0) && IS_GONE (1) && IS_GONE (2))
#else
#define ALL_GONE (IS_GONE (0) && IS_GONE (1))
#endif
#define MAY_HAVE_DIED (n_kills > n_looks && ALL_GONE)

proctype Consumer (byte w) provided (!stopped[w])
{
  byte position, seen, victim, got, word;
  bit  repair, busy, shut;
  byte n_looks;

  {
    do
    :: try_get (w);
       do
       :: got != 0 || busy || shut -> break
       :: else ->
          word = futex[w];
          STORE (w, BIT (w), 1, 1);
#ifndef NO_SLEEPER_FENCE
          FENCE (w);
#endif
#ifndef NO_RECHECK
          try_get (w);
#endif
          if
          :: got != 0 || busy || shut -> skip
          :: else ->
             d_step {
               if
               :: futex[w] == word -> asleep[w] = 1
               :: else -> skip
               fi
             };
             if
             :: !asleep[w]
#ifndef NO_SLICE
             /* The end of a slice, or a wake-up by the watcher after a death. */
             :: d_step { MAY_HAVE_DIED -> asleep[w] = 0; n_looks++ }
#endif
             fi
          fi;
          FENCE (w);
          memory[BIT (w)] = 0;
          /* There may be messages for others too: pass the wake-up on. */
          if
          :: got != 0 ->
             LOAD (w, position, HEAD);
             LOAD (w, seen, HEADER (position));
             position = 0;
             if
             :: seen != 0 -> wake_one (w)
             :: else -> seen = 0
             fi;
             break
          :: got == 0 && (busy || shut) -> break
          :: else -> try_get (w)
          fi
       od;
       if
       :: shut && got == 0 && !busy -> break
       :: else -> skip
       fi;
       /* BUSY: the caller tries again when the holder continues. */
       if
       :: busy -> (memory[HEAD_LOCK] == 0 || !stopped[OWNER (HEAD_LOCK)])
       :: else -> skip
       fi
    od
  } unless { dead[w] }
}

/* Kills a process at any step. */
proctype Killer ()
{
  byte w;

end:
  do
  :: n_kills < N_KILLS ->
     if
     :: w = 0
#if N_WORKERS > 1
     :: w = 1
#endif
#if N_WORKERS > 2
     :: w = 2
#endif
#if N_WORKERS > 3
     :: w = 3
#endif
     fi;
     d_step { !finished[w] && !dead[w] -> dead[w] = 1; asleep[w] = 0; n_kills++; w = 0 }
  od
}

/* Stops a process at any step, and lets it continue later or never. */
proctype Stopper ()
{
  byte w;

end:
  do
  :: n_stops < N_STOPS ->
     if
     :: w = 0
#if N_WORKERS > 1
     :: w = 1
#endif
#if N_WORKERS > 2
     :: w = 2
#endif
#if N_WORKERS > 3
     :: w = 3
#endif
     fi;
     d_step { !finished[w] && !dead[w] -> stopped[w] = 1; n_stops++ };
     stopped[w] = 0
  od
}

/* Checks the final states: no process sleeps while there is a message for it or after a shutdown,
 * and no message is lost. */
proctype Judge ()
{
  byte w, position;

  timeout;
  d_step {
    position = memory[HEAD];
    w = N_PRODUCERS;
    do
    :: w < N_WORKERS ->
       assert (!asleep[w] || dead[w] ||
               (memory[HEADER (position)] == 0 && memory[SHUT] == 0));
       w++
    :: else -> break
    od;
    do
    :: position < memory[TAIL] ->
       taken[memory[HEADER (position)]]++;
       position++
    :: else -> break
    od;
    w = 0;
    do
    :: w < N_PRODUCERS ->
       assert (!returned[w + 1] || taken[w + 1] == 1);
       assert (finished[w] || dead[w]);
       w++
    :: else -> break
    od
  }
}

init
{
  byte w;

  atomic {
    w = 1;
    do
    :: w < N_SLOTS -> memory[HEADER (w)] = STALE; w++
    :: else -> break
    od;
    w = 0;
    do
    :: w < N_PRODUCERS -> run Producer (w); run Store_buffer (w); w++
    :: else -> break
    od;
    do
    :: w < N_WORKERS -> run Consumer (w); run Store_buffer (w); w++
    :: else -> break
    od;
    run Killer ();
    run Stopper ();
    run Judge ()
  }
}
