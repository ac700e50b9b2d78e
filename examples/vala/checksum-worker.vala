/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A worker of "checksum a tree": gets paths and puts digests until the queue of tasks is shut down.
 * The coordinator starts it and passes it both queues; or, with --queue URI, it opens those that
 * the coordinator has been given. */

const int CHUNK_SIZE = 256 * 1024;

string? queue_option = null;

const OptionEntry[] OPTIONS = {
  { "queue", 0, 0, OptionArg.STRING, ref queue_option, "The coordinator's queue", "URI" },
  { null }
};

/* A path is bytes, since a file name need not be UTF-8. */
VariantDict checksum (Mp.Task task, string path)
{
  var result = new VariantDict ();
  var digest = new Checksum (ChecksumType.SHA256);
  var chunk = new uint8[CHUNK_SIZE];
  int64 size = 0;

  try {
    var stream = File.new_for_path (path).read ();
    int64 whole = stream.query_info (FileAttribute.STANDARD_SIZE).get_size ();
    ssize_t n;
    while ((n = stream.read (chunk)) > 0) {
      digest.update (chunk, n);
      size += n;
      /* Of files that take a while, `mproc top` shows how far they are. */
      if (whole > CHUNK_SIZE)
        task.set_progress (double.min ((double) size / whole, 1), Filename.display_basename (path));
    }
    result.insert_value ("digest", digest.get_string ());
    result.insert_value ("size", size);
  } catch (Error e) {
    result.insert_value ("error", e.message);
  }

  return result;
}

void work (string worker) throws Error
{
  Mp.JoinableQueue tasks;
  Mp.Queue results;

  if (queue_option != null) {
    tasks = Mp.JoinableQueue.open (queue_option);
    results = Mp.Queue.open (queue_option + "-results");
  } else {
    tasks = (Mp.JoinableQueue) Mp.inherit ("tasks");
    results = (Mp.Queue) Mp.inherit ("results");
  }

  while (true) {
    Mp.Task task = tasks.get_task ();
    Variant path = task.message.get_variant ();
    int64 start = get_monotonic_time ();
    var result = checksum (task, bytes_to_path (path));
    result.insert_value ("path", path);
    result.insert_value ("worker", worker);
    result.insert_value ("seconds", (double) (get_monotonic_time () - start) / 1000000);
    /* Put the result before marking the task as done: if the worker is killed in between, nothing
     * is lost. */
    results.put (result.end (), -1);
    task.done ();
  }
}

string bytes_to_path (Variant path)
{
  var bytes = new uint8[path.get_size () + 1];
  Memory.copy (bytes, path.get_data (), path.get_size ());
  return (string) (owned) bytes;
}

int main (string[] args)
{
  try {
    var context = new OptionContext ("[NAME]");
    context.add_main_entries (OPTIONS, null);
    context.parse (ref args);
    work (args.length > 1 ? args[1] : "vala");
  } catch (Mp.Error.CLOSED e) {
    /* The coordinator has shut the queue down: there are no more tasks. */
    return 0;
  } catch (Error e) {
    printerr ("%s: %s\n", args[0], e.message);
  }

  return 1;
}
