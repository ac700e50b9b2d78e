/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-listener-private.h"

#include <glib/gi18n-lib.h>

#include "mp-error.h"

/* The state of a listener and its properties, for the other files of the class. */

int   mp_listener_private_offset;
guint mp_listener_signals[MP_LISTENER_N_SIGNALS];

void
mp_listener_set_closed_error (GError **error)
{
  g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED, _ ("The listener is closed"));
}

static MpAcceptor *
make_acceptor (MpListenerPrivate *priv,
               GError           **error)
{
  g_autoptr (MpAddress) address = mp_address_parse (priv->address, error);

  if (address == NULL)
    return NULL;

  if (address->kind == MP_ADDRESS_TLS && priv->config.peer.certificate == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           _ ("A listener with TLS needs a certificate"));
      return NULL;
    }

  return mp_acceptor_new (address, &priv->config, error);
}

MpAcceptor *
mp_listener_get_acceptor (MpListener *self,
                          GError    **error)
{
  MpListenerPrivate *priv = mp_listener_get_private (self);
  MpAcceptor        *acceptor = NULL;

  g_mutex_lock (&priv->lock);
  if (priv->closed)
    mp_listener_set_closed_error (error);
  else if (priv->acceptor == NULL)
    priv->acceptor = make_acceptor (priv, error);

  if (!priv->closed && priv->acceptor != NULL && mp_acceptor_check (priv->acceptor, error))
    acceptor = mp_acceptor_ref (priv->acceptor);
  g_mutex_unlock (&priv->lock);
  return acceptor;
}

/**
 * mp_listener_get_address: (get-property address)
 * @self: a listener
 *
 * Gets the address at which it listens, with automatically chosen parts filled in.
 *
 * Returns: (transfer full) (type filename): an address in the syntax of [func@connect]
 *
 * Since: 1.0
 */
char *
mp_listener_get_address (MpListener *self)
{
  MpListenerPrivate *priv;
  char              *address;

  g_return_val_if_fail (MP_IS_LISTENER (self), NULL);

  priv = mp_listener_get_private (self);
  g_mutex_lock (&priv->lock);
  address =
    g_strdup (priv->acceptor != NULL ? mp_acceptor_get_address (priv->acceptor) : priv->address);
  g_mutex_unlock (&priv->lock);
  return address;
}

/**
 * mp_listener_get_last_accepted: (get-property last-accepted)
 * @self: a listener
 *
 * Gets the address of the peer that was accepted last.
 *
 * Returns: (transfer full) (nullable): an address, or %NULL if there was none
 *
 * Since: 1.0
 */
char *
mp_listener_get_last_accepted (MpListener *self)
{
  MpListenerPrivate *priv;
  char              *address;

  g_return_val_if_fail (MP_IS_LISTENER (self), NULL);

  priv = mp_listener_get_private (self);
  g_mutex_lock (&priv->lock);
  address = g_strdup (priv->last_accepted);
  g_mutex_unlock (&priv->lock);
  return address;
}

/**
 * mp_listener_get_closed: (get-property closed)
 * @self: a listener
 *
 * Gets whether the listener was closed.
 *
 * Returns: whether it was
 *
 * Since: 1.0
 */
gboolean
mp_listener_get_closed (MpListener *self)
{
  MpListenerPrivate *priv;
  gboolean           closed;

  g_return_val_if_fail (MP_IS_LISTENER (self), TRUE);

  priv = mp_listener_get_private (self);
  g_mutex_lock (&priv->lock);
  closed = priv->closed;
  g_mutex_unlock (&priv->lock);
  return closed;
}
