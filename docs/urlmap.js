// SPDX-License-Identifier: LGPL-2.1-or-later

// Where the documentation of other libraries is. The site names them in its links; this is for
// links that its scripts make, such as those in results of a search.
baseURLs = [
    ['GLib', 'https://docs.gtk.org/glib/'],
    ['GObject', 'https://docs.gtk.org/gobject/'],
    ['Gio', 'https://docs.gtk.org/gio/'],
];
