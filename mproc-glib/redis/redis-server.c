/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-server.h"

#include "base/mp-deadline.h"
#include "base/mp-fork.h"

#include <glib/gi18n-lib.h>

/* The longest string of a reply. */
#define MAX_STRING (2 << 20)

struct _MpRedisServer
{
  guint       ref_count;
  guint32     fork_count;
  MpRedisUri *uri;
  MpRedisLink link;
  GQueue      questions; /* MpRedisQuestion without an answer, the oldest first */
  GPtrArray  *sent;      /* the same, as their replies will come; NULL for one withdrawn */
};

/* --- Questions ------------------------------------------------------------------------- */

void
mp_redis_question_init (MpRedisQuestion *self)
{
  *self = (MpRedisQuestion){ .link = { .data = self } };
}

static void
question_end (MpRedisServer   *self,
              MpRedisQuestion *question)
{
  g_queue_unlink (&self->questions, &question->link);
  g_clear_pointer (&question->command, g_byte_array_unref);
  question->is_sent = FALSE;
}

static void
question_fail (MpRedisServer   *self,
               MpRedisQuestion *question,
               GError          *error)
{
  question->status = MP_QUEUE_ANSWER_FAILED;
  question->error = error;
  question_end (self, question);
}

static void
fail_all (MpRedisServer *self)
{
  while (self->questions.length > 0)
    question_fail (self, g_queue_peek_head (&self->questions), g_error_copy (self->link.error));
}

/* --- Functions of the link ------------------------------------------------------------- */

static void
greet (gpointer owner)
{
}

static void
push (gpointer owner,
      MpReply *reply)
{
}

/* What was sent will be sent again by the next link, unless there is none. */
static void
down (gpointer owner)
{
  MpRedisServer *self = owner;

  g_ptr_array_set_size (self->sent, 0);
  for (GList *l = self->questions.head; l != NULL; l = l->next)
    ((MpRedisQuestion *) l->data)->is_sent = FALSE;
}

static const MpRedisLinkFuncs funcs = { greet, push, down };

/* The error of one question leaves the others alone, unless the server is not ready. */
static void
answered (gpointer owner,
          MpReply *reply)
{
  MpRedisServer   *self = owner;
  MpRedisQuestion *question;
  GError          *error = NULL;

  if (reply->type == MP_REPLY_ERROR)
    {
      error = mp_redis_link_explain (&self->link, reply);
      if (error == NULL)
        {
          mp_redis_link_judge (&self->link, reply);
          return;
        }
    }
  if (self->link.state == MP_REDIS_LINK_GREETING)
    mp_redis_link_set_up (&self->link, MAX_STRING);
  question = g_ptr_array_index (self->sent, 0);
  g_ptr_array_remove_index (self->sent, 0);
  if (question == NULL)
    {
      g_clear_error (&error);
      return;
    }
  if (error != NULL)
    {
      question_fail (self, question, error);
      return;
    }
  question->reply = g_new0 (MpReply, 1);
  *question->reply = *reply;
  *reply = (MpReply){ .type = MP_REPLY_NIL };
  question->status = MP_QUEUE_ANSWER_READY;
  question_end (self, question);
}

/* --- Making ---------------------------------------------------------------------------- */

MpRedisServer *
mp_redis_server_new (MpRedisUri *uri,
                     GError    **error)
{
  g_autoptr (MpRedisServer) self = g_new0 (MpRedisServer, 1);

  self->ref_count = 1;
  self->fork_count = mp_fork_count;
  self->uri = uri;
  self->sent = g_ptr_array_new ();
  g_queue_init (&self->questions);
  return mp_redis_link_init (&self->link, uri, &funcs, self, error) ? g_steal_pointer (&self)
                                                                    : NULL;
}

MpRedisServer *
mp_redis_server_ref (MpRedisServer *self)
{
  self->ref_count++;
  return self;
}

/* A forked child leaves the connection to its parent, and makes one of its own. */
static void
leave_to_parent (MpRedisServer *self)
{
  if (G_LIKELY (self->fork_count == mp_fork_count))
    return;
  self->fork_count = mp_fork_count;
  mp_redis_link_disown (&self->link);
  down (self);
}

void
mp_redis_server_unref (MpRedisServer *self)
{
  if (--self->ref_count > 0)
    return;
  leave_to_parent (self);
  mp_redis_link_clear (&self->link);
  g_ptr_array_unref (self->sent);
  mp_redis_uri_free (self->uri);
  g_free (self);
}

const MpRedisUri *
mp_redis_server_get_uri (MpRedisServer *self)
{
  return self->uri;
}

/* --- Asking ---------------------------------------------------------------------------- */

void
mp_redis_server_forget (MpRedisServer   *self,
                        MpRedisQuestion *question)
{
  guint index;

  if (question->command != NULL)
    {
      if (g_ptr_array_find (self->sent, question, &index))
        self->sent->pdata[index] = NULL;
      question_end (self, question);
    }
  g_clear_pointer (&question->reply, mp_reply_free);
  g_clear_error (&question->error);
}

void
mp_redis_server_ask (MpRedisServer   *self,
                     MpRedisQuestion *question,
                     GByteArray      *command)
{
  leave_to_parent (self);
  mp_redis_server_forget (self, question);
  question->command = command;
  question->status = MP_QUEUE_ANSWER_WAITING;
  question->deadline = mp_deadline_for_timeout (self->uri->timeout_us);
  if (self->questions.length == 0)
    mp_redis_link_hurry (&self->link);
  g_queue_push_tail_link (&self->questions, &question->link);
}

static void
send_questions (MpRedisServer *self)
{
  if (self->link.state != MP_REDIS_LINK_GREETING && self->link.state != MP_REDIS_LINK_UP)
    return;
  for (GList *l = self->questions.head; l != NULL; l = l->next)
    {
      MpRedisQuestion *question = l->data;

      if (question->is_sent)
        continue;
      g_byte_array_append (mp_redis_link_get_out (&self->link), question->command->data,
                           question->command->len);
      mp_redis_link_expect (&self->link, answered, TRUE);
      g_ptr_array_add (self->sent, question);
      question->is_sent = TRUE;
    }
  mp_redis_link_flush (&self->link);
}

/* An answer that comes after all would be taken for that of the next question, so the link is
 * dropped, too. */
static void
check_deadlines (MpRedisServer *self)
{
  MpRedisQuestion *oldest = g_queue_peek_head (&self->questions);

  if (oldest == NULL || !mp_deadline_has_passed (oldest->deadline))
    return;
  mp_redis_link_drop (&self->link, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                                        _ ("The server did not answer in time")));
  fail_all (self);
}

void
mp_redis_server_step (MpRedisServer *self)
{
  leave_to_parent (self);
  if (self->questions.length == 0 && self->link.state == MP_REDIS_LINK_DOWN)
    return;
  mp_redis_link_step (&self->link);
  send_questions (self);
  if (self->link.state == MP_REDIS_LINK_FAILED ||
      (self->link.state == MP_REDIS_LINK_DOWN && self->link.retry_at != 0))
    fail_all (self);
  check_deadlines (self);
}

void
mp_redis_server_get_wait (MpRedisServer         *self,
                          const MpRedisQuestion *question,
                          int                   *fd,
                          GIOCondition          *condition,
                          gint64                *time)
{
  const gint64 link_time = mp_redis_link_get_time (&self->link);

  mp_redis_link_get_poll (&self->link, MP_REDIS_COMMANDS, fd, condition);
  *time = link_time >= 0 ? MIN (link_time, question->deadline) : question->deadline;
}

gboolean
mp_redis_server_wait (MpRedisServer   *self,
                      MpRedisQuestion *question,
                      GCancellable    *cancellable,
                      GError         **error)
{
  for (;;)
    {
      GIOCondition condition;
      gint64       time;
      int          fd;

      mp_redis_server_step (self);
      if (question->status == MP_QUEUE_ANSWER_READY)
        return TRUE;
      if (question->status == MP_QUEUE_ANSWER_FAILED)
        {
          g_propagate_error (error, g_error_copy (question->error));
          return FALSE;
        }
      mp_redis_server_get_wait (self, question, &fd, &condition, &time);
      if (mp_transport_poll (fd, condition, -1, time, cancellable, error) == MP_WAIT_ERROR)
        return FALSE;
    }
}
