/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

/* A file of the tree, and the result of the workers: a digest or an error. */
typedef struct
{
  char   *path;
  guint64 size;
  gint64  modified;
  char   *digest;
  char   *error;
} ChecksumFile;

typedef struct
{
  GPtrArray  *files;
  GHashTable *by_path;
  guint64     n_bytes;

  /* Messages about entries that are not regular files: "PATH is a FIFO". */
  GPtrArray *odd;
} ChecksumTree;

/* The result of the comparison with sha256sum. */
typedef struct
{
  guint      n_equal;
  guint      n_unreadable;
  guint      n_missing;
  GPtrArray *different;
  GPtrArray *changed;
} ChecksumVerdict;

ChecksumTree    *checksum_tree_new (const char *directory);
void             checksum_tree_free (ChecksumTree *self);
ChecksumFile    *checksum_tree_lookup (ChecksumTree *self,
                                       GVariant     *path);
ChecksumVerdict *checksum_tree_verify (ChecksumTree *self,
                                       GError      **error);
void             checksum_verdict_free (ChecksumVerdict *self);

char *checksum_printable (const char *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ChecksumTree, checksum_tree_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ChecksumVerdict, checksum_verdict_free)
