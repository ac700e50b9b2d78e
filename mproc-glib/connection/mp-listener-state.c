/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-listener-private.h"

#include <glib/gi18n-lib.h>

#include "mp-error.h"
#include "net/resolve.h"

/* The state of a listener and its properties, for the other files of the class. */

int   mp_listener_private_offset;
guint mp_listener_signals[MP_LISTENER_N_SIGNALS];

void
mp_listener_set_closed_error (GError **error)
{
  g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED, _ ("The listener is closed"));
}

/* Where a listener is about to listen. */
typedef struct
{
  MpAddress      *address; /* NULL if it listens already, or is closed */
  MpSocketAddress native;  /* if the address has a host */
} Place;

static void
place_clear (Place *place)
{
  g_clear_pointer (&place->address, mp_address_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Place, place_clear)

/* Looks up the host, without the lock: that can take long. */
static gboolean
find_host (Place        *place,
           gint64        deadline,
           GCancellable *cancellable,
           GError      **error)
{
  g_autoptr (GArray) found = NULL;

  if (!mp_address_has_host (place->address))
    return TRUE;

  found = mp_address_resolve (place->address, TRUE, deadline, cancellable, error);
  if (found == NULL)
    return FALSE;

  place->native = g_array_index (found, MpSocketAddress, 0);
  return TRUE;
}

static gboolean
find_place (MpListenerPrivate *priv,
            Place             *place,
            gint64             deadline,
            GCancellable      *cancellable,
            GError           **error)
{
  g_autofree char *text = NULL;

  g_mutex_lock (&priv->lock);
  if (!priv->closed && priv->acceptor == NULL)
    text = g_strdup (priv->address);
  g_mutex_unlock (&priv->lock);
  if (text == NULL)
    return TRUE;

  place->address = mp_address_parse (text, error);
  if (place->address == NULL)
    return FALSE;

  if (place->address->kind != MP_ADDRESS_TLS || priv->config.peer.certificate != NULL)
    return find_host (place, deadline, cancellable, error);

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                       _ ("A listener with TLS needs a certificate"));
  return FALSE;
}

MpAcceptor *
mp_listener_get_acceptor (MpListener   *self,
                          gint64        deadline,
                          GCancellable *cancellable,
                          GError      **error)
{
  MpListenerPrivate *priv = mp_listener_get_private (self);
  MpAcceptor        *acceptor = NULL;
  g_auto (Place) place = { NULL };

  if (!find_place (priv, &place, deadline, cancellable, error))
    return NULL;

  /* Another thread may have been faster. */
  g_mutex_lock (&priv->lock);
  if (priv->closed)
    mp_listener_set_closed_error (error);
  else if (priv->acceptor == NULL)
    priv->acceptor = mp_acceptor_new (place.address, &place.native, &priv->config, error);

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
