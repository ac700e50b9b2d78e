/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Declarations that the Vala compiler cannot read from the GIR. */

namespace Mp
{
  /* The method that foreach needs.  The iterator is the queue or connection itself, referenced
   * during the loop. */
  public class Queue : GLib.Object
  {
    [CCode (cname = "g_object_ref")]
    public Mp.Queue iterator ();
    public GLib.Variant? next_value () throws GLib.Error;
  }

  public class Connection : GLib.Object
  {
    [CCode (cname = "g_object_ref")]
    public Mp.Connection iterator ();
    public GLib.Variant? next_value () throws GLib.Error;
  }

  public class JoinableQueue : Mp.Queue
  {
    /* Declared here since vapigen loses the type of the length of an asynchronous function. */
    [CCode (array_length_pos = 1.1, array_length_type = "gsize")]
    [Version (since = "1.0")]
    public async Mp.Task[] get_tasks_async (uint max, int io_priority = GLib.Priority.DEFAULT_IDLE, GLib.Cancellable? cancellable = null) throws GLib.Error;
  }

  /* Declared here since vapigen does not read that the strings are constant in C, and the compiler would warn of each
   * call. */
  public class Process : GLib.Object
  {
    [CCode (has_construct_function = false)]
    [Version (since = "1.0")]
    public Process ([CCode (array_length = false, array_null_terminated = true, type = "const char *const *")] string[] argv);
  }

  public sealed class Pool : GLib.Object
  {
    [CCode (has_construct_function = false)]
    [Version (since = "1.0")]
    public Pool ([CCode (array_length = false, array_null_terminated = true, type = "const char *const *")] string[] argv, uint n_workers = 0);
  }

  [CCode (cname = "mp_pool_work", cheader_filename = "mproc-glib/mproc-glib.h")]
  [Version (since = "1.0")]
  public static int pool_work (Mp.PoolFunc function);

  /* Declared here since vapigen loses the type of the length of an asynchronous function. */
  [CCode (array_length_pos = 1.1, array_length_type = "gsize", cheader_filename = "mproc-glib/mproc-glib.h")]
  [Version (since = "1.0")]
  public static async (unowned Mp.Waitable)[] wait_async ([CCode (array_length_cname = "n_objects", array_length_pos = 1.5, array_length_type = "gsize")] Mp.Waitable[]? objects, int64 timeout_us = -1, int io_priority = 0, GLib.Cancellable? cancellable = null) throws GLib.Error;
}
