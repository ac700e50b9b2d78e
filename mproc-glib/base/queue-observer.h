/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-backend.h"

G_BEGIN_DECLS

/* Functions that observe a queue from outside, without taking messages, changing anything or waking
 * waiters.  There is one table for each place in which queues live. */

/* A number that the place does not record. */
#define MP_QUEUE_UNKNOWN G_MAXUINT64

/* The constant properties of a queue. */
typedef struct
{
  guint64         id;   /* no other queue that this process can observe has it */
  const char     *name; /* owned by the observer, and perhaps longer than that of the settings */
  MpQueueSettings settings;
  gint64          created_at; /* microseconds of real time */
  gint64          creator;    /* process id of the creator in its own pid namespace */
} MpQueueIdentity;

/* What some places do not record. */
typedef enum
{
  MP_QUEUE_FACT_MEMORY = 1 << 0,
  MP_QUEUE_FACT_REDELIVERED = 1 << 1,
  MP_QUEUE_FACT_BYTES_MOVED = 1 << 2, /* how many bytes were put and taken */
  MP_QUEUE_FACT_CREATOR = 1 << 3,
} MpQueueFact;

typedef struct
{
  guint32  size;        /* messages that wait for a consumer, with `n_again` */
  guint64  n_bytes;     /* their payload bytes, without those of `n_again` */
  guint64  memory;      /* bytes that the system has given to the queue */
  guint64  n_put;       /* messages ever put */
  guint64  n_got;       /* messages ever taken, without redeliveries */
  guint64  n_bytes_put; /* payload bytes of messages ever put */
  guint64  n_bytes_got; /* and ever taken */
  guint32  n_unfinished;
  guint32  n_held;  /* messages held by consumers */
  guint32  n_again; /* of `size`: were delivered before and wait for another consumer */
  guint32  n_dead;
  guint64  n_redelivered;
  guint32  n_processes; /* live handles */
  gboolean is_named;    /* it exists also when no process has it open */
  gboolean shut_down;
  gboolean damaged;

  /* Blocked calls and main loops that wait, for each condition. */
  guint32 n_sleeping[MP_QUEUE_WAIT_ANSWERS];
  guint32 n_armed[MP_QUEUE_WAIT_ANSWERS];
} MpQueueSample;

/* One handle of a process on the queue. */
typedef struct
{
  guint32 slot;
  guint64 handle;     /* identifies it: never used again in this queue */
  gint64  pid_inside; /* process id in its own pid namespace */
  guint64 n_put;
  guint64 n_got; /* MP_QUEUE_UNKNOWN if it is not recorded */
  guint32 n_held;
  gint64  attached_at; /* microseconds of real time; 0: not recorded */

  /* Of queues on a server.  The texts may be NULL, and are valid during the call. */
  const char *host;    /* where the process runs */
  const char *program; /* as it calls itself */
  gboolean    is_away; /* it is not connected now, and holds messages */

  gboolean is_sleeping[MP_QUEUE_WAIT_ANSWERS];
  gboolean is_armed[MP_QUEUE_WAIT_ANSWERS];
} MpQueueUser;

typedef enum
{
  MP_QUEUE_TASK_HELD,
  MP_QUEUE_TASK_AGAIN, /* waits for another consumer */
  MP_QUEUE_TASK_DEAD,
} MpQueueTaskState;

typedef struct
{
  MpQueueTaskState state;
  guint32          slot; /* of the holder */
  guint64          serial;
  gint64           held_us;  /* since it was delivered */
  gboolean         is_least; /* not recorded: for how long the observer has seen it */
  guint32          n_deliveries;
  guint64          size;
  guint8           tag;
  double           fraction; /* negative: not reported */
  char             text[MP_QUEUE_PROGRESS_SIZE];
} MpQueueTaskInfo;

/* A message that is queued or held by a consumer. */
typedef struct
{
  guint64 position; /* how many were put before it; for a task: its serial */
  guint64 size;
  guint8  tag;
  guint8 *data; /* the first bytes, at most as many as was asked for */
  gsize   length;
} MpQueueGlimpse;

typedef void (*MpQueueUserFunc) (const MpQueueUser *user,
                                 gpointer           user_data);
typedef void (*MpQueueTaskFunc) (const MpQueueTaskInfo *task,
                                 gpointer               user_data);
/* Returns FALSE to end the enumeration. */
typedef gboolean (*MpQueueGlimpseFunc) (const MpQueueGlimpse *glimpse,
                                        gpointer              user_data);

/* Queues on a network are asked by questions, which end later. */
typedef enum
{
  MP_QUEUE_QUESTION_SAMPLE,
  MP_QUEUE_QUESTION_PEEK,
  MP_QUEUE_QUESTION_TASK,
} MpQueueQuestionKind;

typedef struct
{
  MpQueueQuestionKind kind;
  guint64             from; /* PEEK, as the slot; TASK: the serial */
  guint               max;
  gsize               max_length;
} MpQueueQuestion;

typedef enum
{
  MP_QUEUE_ANSWER_FAILED = -1,
  MP_QUEUE_ANSWER_WAITING,
  MP_QUEUE_ANSWER_READY,
} MpQueueAnswer;

typedef struct
{
  guint unknown; /* MpQueueFact */

  /* For queues on a network, else NULL.  The other slots then answer from what the last question of
   * their kind has brought, and do not wait: `sample` and the lists from a sample, `peek` and
   * `peek_task` from their own.  A question replaces the one before it. */
  void (*begin) (gpointer               self,
                 const MpQueueQuestion *question);
  /* Makes all progress that is possible without waiting.  FAILED with @error set. */
  MpQueueAnswer (*step) (gpointer self,
                         GError **error);
  /* After WAITING: step again when @condition holds for @fd (-1: none), or at @time of the
   * monotonic clock (-1: never). */
  void (*get_wait) (gpointer      self,
                    int          *fd,
                    GIOCondition *condition,
                    gint64       *time);

  void (*free) (gpointer self);
  void (*identify) (gpointer         self,
                    MpQueueIdentity *identity);
  /* The URI by which the queue can be opened, without a password, or NULL. */
  char *(*dup_uri) (gpointer self);
  /* FALSE with @error set when the queue cannot be read any more. */
  gboolean (*sample) (gpointer       self,
                      MpQueueSample *sample,
                      GError       **error);
  void (*list_users) (gpointer        self,
                      MpQueueUserFunc func,
                      gpointer        user_data);
  /* Whether a handle has ended by the death of its process, which did not leave the queue. */
  gboolean (*has_died) (gpointer self,
                        guint64  handle);
  /* Lists the oldest tasks, at most @max. */
  void (*list_tasks) (gpointer        self,
                      guint           max,
                      MpQueueTaskFunc func,
                      gpointer        user_data);
  /* The message of a task, by its serial; FALSE when there is no such task any more. */
  gboolean (*peek_task) (gpointer           self,
                         guint64            serial,
                         gsize              max_length,
                         MpQueueGlimpseFunc func,
                         gpointer           user_data);
  /* Shows queued messages in their order, without those that are taken meanwhile: at most @max, and
   * of each at most @max_length bytes.  Begins at the position @from, or with the next message if
   * @from is 0.  Returns the position behind the last message that was shown, with which the caller
   * can continue. */
  guint64 (*peek) (gpointer           self,
                   guint64            from,
                   guint              max,
                   gsize              max_length,
                   MpQueueGlimpseFunc func,
                   gpointer           user_data);
} MpQueueObserver;

G_END_DECLS
