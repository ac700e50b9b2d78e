/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-backend.h"

G_BEGIN_DECLS

/* Functions that observe a queue from outside, without taking messages, changing anything or waking
 * waiters.  A second backend would implement the same table. */

/* The constant properties of a queue. */
typedef struct
{
  MpQueueSettings settings;
  gint64          created_at; /* microseconds of real time */
  gint64          creator;    /* process id of the creator in its own pid namespace */
} MpQueueIdentity;

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
  guint32  slot;
  guint64  handle;     /* identifies it: never used again in this queue */
  gint64   pid_inside; /* process id in its own pid namespace */
  guint64  n_put;
  guint64  n_got;
  guint32  n_held;
  gint64   attached_at; /* microseconds of real time */
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
  gint64           held_us; /* since it was delivered */
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

typedef struct
{
  void (*free) (gpointer self);
  void (*identify) (gpointer         self,
                    MpQueueIdentity *identity);
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
