/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A model of the locks in shared memory (memory/lock.h) for the model checker Spin.  A participant
 * that takes a lock announces it in its slot, and then checks that none was taken away from it.  A
 * lock is taken away from a dead owner, and from a living one that has not announced it for long:
 * because it was stopped before it did, or because a stray store named it.  One process may be
 * killed and one stopped, each at any step, and one stray store may hit the lock while it is free.
 *
 * Memory is as in queue.pml: stores go to a buffer and may overtake each other, except that release
 * stores do not overtake earlier ones and stores to one place keep their order.
 *
 * Intentional bugs, each of which the checker has to find:
 *
 *   NO_SETTLE      the thief decides before the owner's earlier stores are visible
 *   NO_COUNT       the owner does not check whether a lock was taken away before it announced it
 *   NO_THEFT       a lock that its owner does not announce is left to it
 *   NO_REPAIR      the state that a dead owner left half changed is not repaired
 *   NO_REVOCATION  the thief has the lock at once, and gives it back if the owner announces it
 *   NO_RETURN      an owner that has given up a lock releases it, without a repair, if it gets it back
 */

#ifndef N_WORKERS
#define N_WORKERS 2
#endif
#ifndef N_KILLS
#define N_KILLS 0
#endif
#ifndef N_STOPS
#define N_STOPS 0
#endif
#ifndef N_STRAYS
#define N_STRAYS 0
#endif
#ifndef N_ROUNDS
#define N_ROUNDS 1
#endif
/* With more workers, to keep the number of states small: the only one that may be stopped, the only
 * one that may be killed, and the only one whose stores are delayed. */
#ifdef STOP_ONLY
#define MAY_STOP(w) ((w) == STOP_ONLY)
#else
#define MAY_STOP(w) true
#endif
#ifdef KILL_ONLY
#define MAY_KILL(w) ((w) == KILL_ONLY)
#else
#define MAY_KILL(w) true
#endif
#ifdef BUFFER_ONLY
#define IS_BUFFERED(w) ((w) == BUFFER_ONLY)
#else
#define IS_BUFFERED(w) true
#endif

/* Places in the memory: the lock, two words that are equal unless they are being changed, what each
 * announces, and how often a lock was taken away from each. */
#define LOCK      0
#define FIRST     1
#define SECOND    2
#define HOLDS(w)  (3 + (w))
#define THEFTS(w) (3 + N_WORKERS + (w))
#define N_PLACES  (3 + 2 * N_WORKERS)

byte memory[N_PLACES];

#define WORD(w, n)  ((w) + 1 + 8 * (n))
#define OWNER(word) ((word) % 8 - 1)

#define DEPTH 5
typedef Buffer {
  byte n;
  byte place[DEPTH];
  byte value[DEPTH];
  bit  release[DEPTH];
};
Buffer buffers[N_WORKERS];

bit  dead[N_WORKERS];
bit  stopped[N_WORKERS];
bit  finished[N_WORKERS];
bit  inside[N_WORKERS]; /* the critical section */
bit  taking[N_WORKERS]; /* has the lock, and has not announced it yet */
byte thief;            /* who revoked the lock last */
byte n_kills, n_stops, n_strays;

#define STORE(w, where, what, is_release) \
  d_step { \
    buffers[w].n < DEPTH; \
    if \
    :: IS_BUFFERED (w) -> \
       buffers[w].place[buffers[w].n] = where; \
       buffers[w].value[buffers[w].n] = what; \
       buffers[w].release[buffers[w].n] = is_release; \
       buffers[w].n++ \
    :: else -> memory[where] = what \
    fi \
  }

#define IN_BUFFER(w, k, where) (buffers[w].n > k && buffers[w].place[k] == (where))
#define HAS_STORED(w, where) \
  (IN_BUFFER (w, 0, where) || IN_BUFFER (w, 1, where) || IN_BUFFER (w, 2, where) || \
   IN_BUFFER (w, 3, where) || IN_BUFFER (w, 4, where))
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

#define IS_DEAD_OWNER(word) (dead[OWNER (word)] && FENCE (OWNER (word)))

/* Enough for each fault, and for those in vain.  Each counts twice. */
#ifndef MOST_THEFTS
#define MOST_THEFTS 16
#endif

/* In the time that it takes until a lock is taken away, an owner that runs announces it, and a thief
 * that runs takes a lock that it has revoked. */
#define IS_REVOKED(word) ((word) / 8 % 2 == 1)
#define IS_SLOW(w)       (dead[w] || stopped[w])
#define IS_SILENT(word) \
  (!dead[OWNER (word)] && memory[HOLDS (OWNER (word))] != (word) && FENCE (OWNER (word)) && \
   memory[THEFTS (OWNER (word))] < MOST_THEFTS && \
   (!taking[OWNER (word)] || stopped[OWNER (word)]) && (!IS_REVOKED (word) || IS_SLOW (thief)))

/* Takes back what was announced of a lock that was taken away. */
inline unsay (w)
{
  FENCE (w);
  d_step {
    if
    :: memory[HOLDS (w)] == word -> memory[HOLDS (w)] = 0
    :: else -> skip
    fi
  }
}

/* Announces, after changing the word: which decides whether the lock is still ours.  A lock that was
 * taken away and given back is announced again. */
inline say (w)
{
  do
  :: count = memory[THEFTS (w)];
     FENCE (w);
     d_step {
       if
       :: memory[LOCK] == word -> memory[LOCK] = WORD (w, count); word = WORD (w, count); seen = 1
       :: else -> seen = 0
       fi
     };
     if
     :: seen == 0 ->
        unsay (w);
#ifdef NO_RETURN
        d_step {
          if
          :: memory[LOCK] == word -> memory[LOCK] = 0
          :: else -> skip
          fi
        };
        break
#else
        if
        :: memory[LOCK] == word -> skip
        :: else -> break
        fi
#endif
     :: else ->
        STORE (w, HOLDS (w), word, 0);
        FENCE (w);
        if
        :: memory[THEFTS (w)] == count -> got = 1; break
        :: else -> skip
        fi
     fi
  od;
  seen = 0;
  taking[w] = 0
}

/* With the intentional bug, the thief has the lock before it knows that the owner does not. */
#ifdef NO_REVOCATION
#define FIRST_WORD word
#define HAS_IT_FIRST 1
#else
#define FIRST_WORD revoked
#define HAS_IT_FIRST 0
#endif

/* After the lock was revoked: gives it back if the owner announces it by now. */
inline finish_theft (w)
{
#ifndef NO_SETTLE
  FENCE (OWNER (victim));
#endif
  seen = memory[HOLDS (OWNER (victim))];
  if
  :: seen == 0 -> skip
  :: else ->
     if
     :: IS_REVOKED (victim) -> victim = seen
     :: else -> skip
     fi;
     taking[w] = 0;
     d_step {
       if
       :: memory[LOCK] == FIRST_WORD -> memory[LOCK] = victim; thief = 0
       :: else -> skip
       fi
     };
     /* The owner may have withdrawn its announcement before it got the lock back. */
     if
     :: memory[HOLDS (OWNER (victim))] == 0 ->
        d_step {
          if
          :: memory[LOCK] == victim -> memory[LOCK] = FIRST_WORD; thief = w; seen = 0
          :: else -> skip
          fi
        }
     :: else -> skip
     fi
  fi;
  if
  :: seen != 0 -> skip
  :: else ->
     d_step {
       if
       :: memory[LOCK] == FIRST_WORD -> memory[LOCK] = word; taking[w] = 1; thief = 0
       :: else -> revoked = 0; taking[w] = 0
       fi
     };
     if
     :: revoked == 0 -> skip
     :: else -> say (w); repair = got
     fi
  fi;
  seen = 0
}

inline take (w)
{
  count = memory[THEFTS (w)];
  word = WORD (w, count);
  if
  :: d_step { memory[LOCK] == 0 -> memory[LOCK] = word; taking[w] = 1 };
     STORE (w, HOLDS (w), word, 0);
#ifndef NO_COUNT
     if
     :: memory[THEFTS (w)] != count -> say (w)
     :: else -> got = 1; taking[w] = 0
     fi
#else
     got = 1;
     taking[w] = 0
#endif
  :: d_step { memory[LOCK] != 0 && IS_DEAD_OWNER (memory[LOCK]) -> memory[LOCK] = word;
              taking[w] = 1 };
     say (w);
     repair = got
#ifndef NO_THEFT
  :: d_step { memory[LOCK] != 0 && IS_SILENT (memory[LOCK]) -> victim = memory[LOCK] };
     d_step {
       count = memory[THEFTS (OWNER (victim))];
       memory[THEFTS (OWNER (victim))] = count + 2
     };
     revoked = WORD (OWNER (victim), count + 1);
     if
     :: victim == word -> skip
     :: else ->
        d_step {
          if
          :: memory[LOCK] == victim -> memory[LOCK] = FIRST_WORD; taking[w] = HAS_IT_FIRST; thief = w
          :: else -> revoked = 0
          fi
        };
        if
        :: revoked == 0 -> skip
        :: else -> finish_theft (w)
        fi
     fi;
     victim = 0;
     revoked = 0;
     count = 0
#endif
  fi
}

#define N_INSIDE (inside[0] + inside[1] + (N_WORKERS > 2 -> inside[N_WORKERS - 1] : 0))

proctype Worker (byte w) provided (!stopped[w])
{
  byte word, seen, victim, revoked, count, rounds;
  bit  got, repair;

  {
    do
    :: rounds == N_ROUNDS -> break
    :: else ->
       do
       :: got -> break
       :: else -> take (w)
       od;
       skip;
       d_step { inside[w] = 1; assert (N_INSIDE == 1) };

       LOAD (w, seen, FIRST);
       if
#ifndef NO_REPAIR
       :: repair -> STORE (w, SECOND, seen, 0)
       :: else ->
#else
       :: true ->
#endif
          LOAD (w, count, SECOND);
          assert (seen == count)
       fi;
       STORE (w, FIRST, seen + 1, 0);
       STORE (w, SECOND, seen + 1, 0);
       inside[w] = 0;

       STORE (w, HOLDS (w), 0, 1);
       FENCE (w);
       d_step {
         if
         :: memory[LOCK] == word -> memory[LOCK] = 0
         :: else -> skip
         fi;
         got = 0;
         repair = 0;
         seen = 0;
         count = 0;
         word = 0;
         rounds++
       }
    od;
    finished[w] = 1
  } unless { dead[w] };
  inside[w] = 0
}

/* Kills at any step. */
proctype Killer ()
{
  byte w;

end:
  do
  :: n_kills < N_KILLS ->
     select (w : 0 .. N_WORKERS - 1);
     skip;
     d_step { MAY_KILL (w) && !finished[w] && !dead[w] && !stopped[w] ->
              dead[w] = 1; inside[w] = 0; n_kills++; w = 0 }
  od
}

/* Stops at any step, and lets go on at any later one. */
proctype Stopper ()
{
  byte w;

end:
  do
  :: n_stops < N_STOPS ->
     select (w : 0 .. N_WORKERS - 1);
     skip;
     d_step { MAY_STOP (w) && !finished[w] && !dead[w] -> stopped[w] = 1; n_stops++ };
     stopped[w] = 0
  od
}

/* Names a participant that does not have the lock. */
proctype Stray ()
{
  byte w;

end:
  do
  :: n_strays < N_STRAYS ->
     select (w : 0 .. N_WORKERS - 1);
     skip;
     d_step { memory[LOCK] == 0 -> memory[LOCK] = WORD (w, memory[THEFTS (w)]); n_strays++; w = 0 }
  od
}

/* With more workers, some that are stopped at the same time may have used up the thefts. */
#if N_WORKERS > 2
#define NO_THEFT_IS_LEFT \
  (memory[THEFTS (0)] >= MOST_THEFTS || memory[THEFTS (1)] >= MOST_THEFTS || \
   memory[THEFTS (2)] >= MOST_THEFTS)
#else
#define NO_THEFT_IS_LEFT false
#endif

/* When nothing can happen any more, all that live are finished. */
proctype Judge ()
{
  byte w;

  timeout;
  d_step {
    do
    :: w < N_WORKERS -> assert (finished[w] || dead[w] || NO_THEFT_IS_LEFT); w++
    :: else -> break
    od
  }
}

init
{
  byte w;

  atomic {
    do
    :: w < N_WORKERS -> run Worker (w); run Store_buffer (w); w++
    :: else -> break
    od;
    run Killer ();
    run Stopper ();
    run Stray ();
    run Judge ()
  }
}
