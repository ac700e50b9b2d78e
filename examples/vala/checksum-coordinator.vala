/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The coordinator of "checksum a tree" in Vala; see examples/run. */

const int MAX_RESTARTS = 5;
const int MAX_LINES = 10;

string? workers_option = null;
int n_option = 1;
string? queue_option = null;

const OptionEntry[] OPTIONS = {
  { "workers", 0, 0, OptionArg.STRING, ref workers_option, "Languages of the workers", "LIST" },
  { "n", 0, 0, OptionArg.INT, ref n_option, "Workers of each language", "N" },
  { "queue", 0, 0, OptionArg.STRING, ref queue_option, "Queue for tasks", "URI" },
  { null }
};

/* Strings are used as bytes here, since a path need not be UTF-8. */
void find_files (string folder, GenericArray<string> files, GenericArray<string> odd)
{
  try {
    var dir = Dir.open (folder);
    unowned string? name;
    while ((name = dir.read_name ()) != null) {
      string path = Path.build_filename (folder, name);
      Posix.Stat status;
      if (Posix.lstat (path, out status) != 0)
        continue;
      if (Posix.S_ISREG (status.st_mode))
        files.add (path);
      else if (Posix.S_ISDIR (status.st_mode))
        find_files (path, files, odd);
      else if (!Posix.S_ISLNK (status.st_mode))
        odd.add (path.escape () + " is no regular file");
    }
  } catch (FileError e) {
    odd.add (e.message);
  }
}

/* Keeps one worker running: a killed process is replaced. */
class Worker
{
  public static bool stopping = false;

  string kind;
  string name;
  Mp.Process process;

  public Worker (string kind, int number)
  {
    this.kind = kind;
    this.name = @"$kind-$number";
  }

  string[] command ()
  {
    string source = Environment.get_variable ("MP_EXAMPLES_SOURCE");
    string build = Environment.get_variable ("MP_EXAMPLES_BUILD");

    if (kind == "python")
      return { "/usr/bin/python3", source + "/python/checksum-worker.py", name };
    if (kind == "js")
      return { "gjs", "-m", source + "/js/checksum-worker.js", name };

    return { @"$build/$kind/checksum-worker", name };
  }

  public async void run (Mp.JoinableQueue tasks, Mp.Queue results) throws Error
  {
    for (int i = 0; i <= MAX_RESTARTS && !stopping; i++) {
      process = new Mp.Process (command ()) { die_with_parent = true };
      process.give ("tasks", tasks);
      process.give ("results", results);
      process.start ();
      print ("%s is process %d\n", name, process.pid);
      yield process.join_async (Priority.DEFAULT, null);
      /* Ctrl-C on a terminal reaches the workers too, perhaps before the coordinator. */
      if (process.exit_code == -(int) Posix.Signal.INT)
        return;
      if (!stopping)
        print ("%s ended with %d\n", name, process.exit_code);
    }
  }

  public void terminate ()
  {
    process.terminate ();
  }
}

class Share
{
  public uint files;
  public double megabytes;
  public double seconds;
}

class Coordinator
{
  GenericArray<string> files = new GenericArray<string> ();
  GenericArray<string> odd = new GenericArray<string> ();
  HashTable<string, Variant> found = new HashTable<string, Variant> (str_hash, str_equal);
  Mp.JoinableQueue tasks;
  Mp.Queue results;
  GenericArray<Worker> workers = new GenericArray<Worker> ();
  int n_workers = 0;
  SourceFunc? all_ended = null;
  bool interrupted = false;

  public async int run (string directory) throws Error
  {
    find_files (directory, files, odd);
    print ("%d files in %s\n", files.length, directory);

    make_queues ();
    Unix.signal_add (Posix.Signal.INT, interrupt);
    Unix.signal_add (Posix.Signal.TERM, interrupt);
    foreach (string kind in (workers_option ?? "c,python,js,vala").split (","))
      for (int i = 1; i <= n_option; i++)
        keep_working.begin (new Worker (kind, i));
    foreach (string path in files)
      tasks.put (new Variant.from_bytes (VariantType.BYTESTRING, new Bytes (path.data), true), -1);

    finish_results.begin ();
    yield gather ();
    Worker.stopping = true;
    tasks.shutdown (true);
    if (n_workers > 0) {
      all_ended = run.callback;
      yield;
    }
    if (queue_option != null) {
      /* The tasks last: no worker that starts now opens new tasks and old results. */
      Mp.Queue.remove (queue_option + "-results");
      Mp.Queue.remove (queue_option);
    }

    if (interrupted) {
      print ("Interrupted.\n");
      return 130;
    }

    return conclude () ? 0 : 1;
  }

  /* Those at a URI can be opened by any worker. */
  void make_queues () throws Error
  {
    if (queue_option != null) {
      tasks = Mp.JoinableQueue.open (queue_option);
      results = Mp.Queue.open (queue_option + "-results");
      return;
    }

    /* The names are for people who look on with `mproc top`. */
    tasks = (Mp.JoinableQueue) Object.new (typeof (Mp.JoinableQueue), "name", "tasks");
    results = (Mp.Queue) Object.new (typeof (Mp.Queue), "name", "results");
  }

  bool interrupt ()
  {
    interrupted = Worker.stopping = true;
    foreach (Worker worker in workers)
      worker.terminate ();
    try {
      tasks.shutdown (true);
      results.shutdown (true);
    } catch (Error e) {
      printerr ("%s\n", e.message);
    }

    return Source.CONTINUE;
  }

  /* When the last worker is not replaced any more, no worker is left. */
  async void keep_working (Worker worker)
  {
    workers.add (worker);
    n_workers++;
    try {
      yield worker.run (tasks, results);
    } catch (Error e) {
      printerr ("%s\n", e.message);
    }
    if (--n_workers == 0) {
      try {
        results.shutdown (false);
      } catch (Error e) {
        printerr ("%s\n", e.message);
      }
      if (all_ended != null)
        all_ended ();
    }
  }

  /* When all tasks are done, all results are in the queue: gather () drains it, and ends. */
  async void finish_results ()
  {
    try {
      yield tasks.join_async (Priority.DEFAULT, null);
      results.shutdown (false);
    } catch (Error e) {
      printerr ("%s\n", e.message);
    }
  }

  async void gather () throws Error
  {
    int64 start = get_monotonic_time ();
    int64 last = start;

    while (true) {
      Variant result;
      try {
        result = yield results.get_async (Priority.DEFAULT, null);
      } catch (Mp.Error.CLOSED e) {
        return;
      }
      /* If a worker was killed before it marked its task as done, the result comes twice. */
      string path = path_of (result);
      if (!found.contains (path))
        found[path] = result;
      show_progress (start, ref last);
    }
  }

  static string path_of (Variant result)
  {
    Variant path = result.lookup_value ("path", VariantType.BYTESTRING);
    var bytes = new uint8[path.get_size () + 1];
    Memory.copy (bytes, path.get_data (), path.get_size ());
    return (string) (owned) bytes;
  }

  /* A progress bar on a terminal, a line every two seconds elsewhere. */
  void show_progress (int64 start, ref int64 last)
  {
    bool terminal = Posix.isatty (Posix.STDOUT_FILENO);
    int64 now = get_monotonic_time ();
    if (now - last < (terminal ? 100000 : 2000000))
      return;
    last = now;
    double rate = found.length * 1e6 / (now - start);
    string text = "%u of %d files, %.0f files/s, %.0f s left".printf (
      found.length, files.length, rate, (files.length - found.length) / rate);
    if (terminal)
      print ("\r\033[K[%-30s] %s", string.nfill (30 * found.length / files.length, '#'), text);
    else
      print ("%s\n", text);
  }

  void print_table ()
  {
    var shares = new HashTable<string, Share> (str_hash, str_equal);
    found.foreach ((path, result) => {
      unowned string worker;
      double seconds = 0;
      int64 size = 0;
      result.lookup ("worker", "&s", out worker);
      result.lookup ("seconds", "d", out seconds);
      result.lookup ("size", "x", out size);
      Share? share = shares[worker];
      if (share == null)
        shares[worker] = share = new Share ();
      share.files++;
      share.megabytes += size / 1e6;
      share.seconds += seconds;
    });
    print ("\n%-12s %8s %12s %9s %9s\n", "worker", "files", "MB", "seconds", "MB/s");
    List<weak string> workers = shares.get_keys ();
    workers.sort (strcmp);
    foreach (unowned string worker in workers) {
      Share share = shares[worker];
      print ("%-12s %8u %12.1f %9.2f %9.1f\n", worker, share.files, share.megabytes,
             share.seconds, share.megabytes / share.seconds);
    }
  }

  HashTable<string, string> sha256sum () throws Error
  {
    var list = new ByteArray ();
    foreach (string path in files) {
      list.append (path.data);
      list.append ({ 0 });
    }
    var process = new Subprocess (
      SubprocessFlags.STDIN_PIPE | SubprocessFlags.STDOUT_PIPE | SubprocessFlags.STDERR_SILENCE,
      "xargs", "-0", "-r", "sha256sum", "--zero", "--");
    Bytes output;
    process.communicate (ByteArray.free_to_bytes ((owned) list), null, out output, null);

    var digests = new HashTable<string, string> (str_hash, str_equal);
    unowned uint8[] data = output.get_data ();
    for (size_t i = 0; i < data.length;) {
      unowned string record = (string) (&data[i]);
      digests[record.substring (66)] = record.substring (0, 64);
      i += record.length + 1;
    }

    return digests;
  }

  /* Prints the results; returns whether none is missing and all digests agree. */
  bool conclude () throws Error
  {
    uint wrong = 0;

    var lines = new GenericArray<string> ();
    var expected = sha256sum ();

    print_table ();
    foreach (string line in odd)
      lines.add (line + ": left out");
    foreach (string path in files) {
      Variant? result = found[path];
      string? digest = null;
      string? error = result == null ? "missing" : null;
      if (result != null && !result.lookup ("digest", "s", out digest))
        result.lookup ("error", "s", out error);
      if (error != null)
        lines.add (path.escape () + ": " + error);
      /* A file that was removed meanwhile has no digest to compare with. */
      if (result == null || (digest != expected[path] && FileUtils.test (path, FileTest.EXISTS)))
        wrong++;
    }
    for (int i = 0; i < lines.length && i < MAX_LINES; i++)
      print ("%s\n", lines[i]);
    if (lines.length > MAX_LINES)
      print ("and %d more\n", lines.length - MAX_LINES);
    print ("%u of %d files: %s\n", found.length, files.length,
           wrong > 0 ? @"$wrong digests do not agree" : "all digests agree");

    return wrong == 0;
  }
}

int main (string[] args)
{
  int status = 1;

  Intl.setlocale ();
  try {
    var context = new OptionContext ("[DIRECTORY]");
    context.add_main_entries (OPTIONS, null);
    context.parse (ref args);
  } catch (OptionError e) {
    printerr ("%s\n", e.message);
    return 2;
  }

  var loop = new MainLoop ();
  var coordinator = new Coordinator ();
  coordinator.run.begin (args.length > 1 ? args[1] : "/usr/share", (object, result) => {
    try {
      status = coordinator.run.end (result);
    } catch (Error e) {
      printerr ("%s\n", e.message);
    }
    loop.quit ();
  });
  loop.run ();

  return status;
}
