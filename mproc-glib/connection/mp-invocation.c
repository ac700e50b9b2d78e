/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-invocation-private.h"

#include <glib/gi18n-lib.h>

#include "formats/envelope.h"
#include "message/mp-message-private.h"
#include "mp-connection-private.h"
#include "mp-error.h"

/**
 * MpInvocation:
 *
 * A call of the peer, to be answered now or later.
 *
 * ```c
 * static void
 * call_cb (MpConnection *connection,
 *          MpInvocation *invocation,
 *          gpointer      user_data)
 * {
 *   g_autoptr (GVariant) value = mp_invocation_get_value (invocation, NULL);
 *
 *   mp_invocation_return_value (invocation, value);
 * }
 * ```
 *
 * It is passed to handlers of [signal@Connection::called]. Calls may be answered in any order.
 * Answers after the first one are ignored, and so are those for which the caller no longer waits.
 * Keep a reference to answer later. If an invocation is dropped without an answer, the call fails
 * with `G_IO_ERROR_FAILED`.
 *
 * All functions may be called from any thread.
 *
 * Since: 1.0
 */
struct _MpInvocation
{
  GObject         parent_instance;
  MpConnection   *connection;
  MpIncomingCall *call;
};

G_DEFINE_FINAL_TYPE (MpInvocation, mp_invocation, G_TYPE_OBJECT)

static void
answer (MpInvocation *self,
        MpMessage    *value,
        const GError *error)
{
  if (self->call != NULL)
    mp_calls_answer (mp_connection_get_private (self->connection)->calls, self->call, value,
                     error);
}

static void
mp_invocation_dispose (GObject *object)
{
  MpInvocation *self = MP_INVOCATION (object);
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED,
                                                  _ ("The call was dropped without an answer"));

  answer (self, NULL, error);
  g_clear_pointer (&self->call, mp_incoming_call_unref);
  g_clear_object (&self->connection);

  G_OBJECT_CLASS (mp_invocation_parent_class)->dispose (object);
}

static void
mp_invocation_class_init (MpInvocationClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = mp_invocation_dispose;
}

static void
mp_invocation_init (MpInvocation *self)
{
}

MpInvocation *
mp_invocation_new (MpConnection   *connection,
                   MpIncomingCall *call)
{
  MpInvocation *self = g_object_new (MP_TYPE_INVOCATION, NULL);

  self->connection = g_object_ref (connection);
  self->call = call;
  return self;
}

/**
 * mp_invocation_get_connection:
 * @self: an invocation
 *
 * Gets the connection over which the call came.
 *
 * Returns: (transfer none) (nullable): the connection; %NULL if the invocation was created by other
 *   code
 *
 * Since: 1.0
 */
MpConnection *
mp_invocation_get_connection (MpInvocation *self)
{
  g_return_val_if_fail (MP_IS_INVOCATION (self), NULL);

  return self->connection;
}

/**
 * mp_invocation_get_cancellable:
 * @self: an invocation
 *
 * Gets a cancellable that is cancelled when the caller no longer waits.
 *
 * That is when the call was cancelled or timed out, or the caller is gone. It is cancelled in the
 * main context in which [signal@Connection::called] is emitted. Pass it on to the operations that
 * compute the answer.
 *
 * Returns: (transfer none) (nullable): a cancellable; %NULL if the invocation was created by other
 *   code
 *
 * Since: 1.0
 */
GCancellable *
mp_invocation_get_cancellable (MpInvocation *self)
{
  g_return_val_if_fail (MP_IS_INVOCATION (self), NULL);

  return self->call != NULL ? self->call->cancellable : NULL;
}

/**
 * mp_invocation_get_message:
 * @self: an invocation
 * @error: return location for an error
 *
 * Gets the argument of the call as a message, which can be read in any format.
 *
 * Returns: (transfer full): a message in the format of the connection; %NULL with @error set
 *
 * Since: 1.0
 */
MpMessage *
mp_invocation_get_message (MpInvocation *self,
                           GError      **error)
{
  g_autoptr (GBytes) value = NULL;

  g_return_val_if_fail (MP_IS_INVOCATION (self), NULL);

  if (self->call == NULL)
    {
      g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED, _ ("The invocation has no call"));
      return NULL;
    }

  value = mp_envelope_open (self->call->format, self->call->payload, error);
  return value != NULL ? mp_message_new_from_payload (self->call->format, value, error) : NULL;
}

/**
 * mp_invocation_get_value:
 * @self: an invocation
 * @error: return location for an error
 *
 * Gets the argument of the call.
 *
 * Fails as [method@Message.get_variant] does.
 *
 * Returns: (transfer full): the value; %NULL with @error set
 *
 * Since: 1.0
 */
GVariant *
mp_invocation_get_value (MpInvocation *self,
                         GError      **error)
{
  g_autoptr (MpMessage) message = NULL;

  g_return_val_if_fail (MP_IS_INVOCATION (self), NULL);

  message = mp_invocation_get_message (self, error);
  return message != NULL ? mp_message_get_variant (message, error) : NULL;
}

/**
 * mp_invocation_return_value:
 * @self: an invocation
 * @value: the answer; a floating reference is taken
 *
 * Answers the call.
 *
 * If the value cannot be represented in the format of the connection, the call fails with that
 * error.
 *
 * Since: 1.0
 */
void
mp_invocation_return_value (MpInvocation *self,
                            GVariant     *value)
{
  g_autoptr (MpMessage) message = NULL;

  g_return_if_fail (MP_IS_INVOCATION (self));
  g_return_if_fail (value != NULL);

  message = mp_message_new_variant (value);
  answer (self, message, NULL);
}

/**
 * mp_invocation_return_message:
 * @self: an invocation
 * @message: the answer; its descriptors are not sent
 *
 * Answers the call with a value in any format.
 *
 * Since: 1.0
 */
void
mp_invocation_return_message (MpInvocation *self,
                              MpMessage    *message)
{
  g_return_if_fail (MP_IS_INVOCATION (self));
  g_return_if_fail (message != NULL);

  answer (self, message, NULL);
}

/**
 * mp_invocation_return_error:
 * @self: an invocation
 * @error: the error
 *
 * Makes the call fail.
 *
 * Domain, code and message are sent to the caller. If the domain exists in the caller's process, it
 * gets the same error, otherwise `MP_ERROR_REMOTE` with the domain's name prepended to the message.
 *
 * Since: 1.0
 */
void
mp_invocation_return_error (MpInvocation *self,
                            const GError *error)
{
  g_return_if_fail (MP_IS_INVOCATION (self));
  g_return_if_fail (error != NULL);

  answer (self, NULL, error);
}

/**
 * mp_invocation_return_error_literal:
 * @self: an invocation
 * @domain: the name of the domain of the error
 * @code: its code
 * @message: what happened
 *
 * Makes the call fail; see [method@Invocation.return_error].
 *
 * Since: 1.0
 */
void
mp_invocation_return_error_literal (MpInvocation *self,
                                    const char   *domain,
                                    int           code,
                                    const char   *message)
{
  g_autoptr (GError) error = NULL;

  g_return_if_fail (MP_IS_INVOCATION (self));
  g_return_if_fail (domain != NULL && *domain != '\0');
  g_return_if_fail (message != NULL);

  error = g_error_new_literal (g_quark_from_string (domain), code, message);
  answer (self, NULL, error);
}
