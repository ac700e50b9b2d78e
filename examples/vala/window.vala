/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A window that stays responsive while workers work:  window [--begin]
 *
 * With --begin the first tasks are put without pressing the button. */

const int N_WORKERS = 2;
const int N_TASKS = 12;
const uint TICK_MS = 50;

void work () throws Error
{
  var tasks = (Mp.JoinableQueue) Mp.inherit ("tasks");
  var results = (Mp.Queue) Mp.inherit ("results");

  try {
    while (true) {
      Mp.Task task = tasks.get_task ();
      int64 number = (int64) task.message.get_variant ();
      Thread.usleep (200000); /* stands for the actual work */
      results.put (@"Task $number was done by process $((int) Posix.getpid ())");
      task.done ();
    }
  } catch (Mp.Error.CLOSED e) {
    /* The window is closed. */
  }
}

class Window : Gtk.ApplicationWindow
{
  Mp.JoinableQueue tasks;
  Gtk.ProgressBar bar = new Gtk.ProgressBar () {
    show_text = true,
    text = "Nothing to do",
    margin_start = 12,
    margin_end = 12
  };
  Gtk.Label clock = new Gtk.Label (null);
  Gtk.ListBox list = new Gtk.ListBox ();
  uint n_ticks = 0;

  public Window (Gtk.Application app, Mp.JoinableQueue tasks, Mp.Queue results)
  {
    Object (application: app, title: "Workers", default_width: 420, default_height: 520);
    this.tasks = tasks;
    lay_out ();

    /* The progress and the results of the workers arrive in the main loop. */
    tasks.bind_property ("progress", bar, "fraction");
    tasks.notify["n-done"].connect (count);
    tasks.report_progress = true;
    results.message.connect (list_result);
    results.start ();
    Timeout.add (TICK_MS, tick);
  }

  /* The queue has no bound, so put does not wait. */
  public void add_tasks ()
  {
    int64 n_total = (int64) tasks.n_total;

    try {
      for (int i = 1; i <= N_TASKS; i++)
        tasks.put (n_total + i);
    } catch (Error e) {
      printerr ("%s\n", e.message);
    }
  }

  void lay_out ()
  {
    var button = new Gtk.Button.with_label (@"Add $N_TASKS Tasks");
    var header = new Gtk.HeaderBar ();
    var box = new Gtk.Box (Gtk.Orientation.VERTICAL, 12);

    button.clicked.connect (add_tasks);
    header.pack_start (button);
    box.append (bar);
    box.append (clock);
    box.append (new Gtk.ScrolledWindow () {
      child = list,
      vexpand = true
    });
    titlebar = header;
    child = box;
  }

  void count ()
  {
    string text = @"$(tasks.n_done) of $(tasks.n_total) done";

    if (text != bar.text) {
      bar.text = text;
      print ("%s at tick %u\n", text, n_ticks);
    }
  }

  void list_result (Mp.Message message)
  {
    string text;

    try {
      text = (string) message.get_variant ();
    } catch (Error e) {
      text = e.message;
    }
    list.append (new Gtk.Label (text) {
      xalign = 0
    });
  }

  /* The window is responsive as long as the clock ticks. */
  bool tick ()
  {
    n_ticks++;
    clock.label = @"The clock has ticked $n_ticks times";
    return Source.CONTINUE;
  }
}

void run (bool begin) throws Error
{
  var tasks = new Mp.JoinableQueue ();
  var results = new Mp.Queue ();
  var app = new Gtk.Application (null, 0);
  Mp.Process[] workers = {};

  for (int i = 0; i < N_WORKERS; i++) {
    workers += make_child ("work");
    workers[i].give ("tasks", tasks);
    workers[i].give ("results", results);
    workers[i].start ();
  }

  app.activate.connect (() => {
    var window = new Window (app, tasks, results);
    window.present ();
    if (begin)
      window.add_tasks ();
  });
  app.run ();

  /* The window is closed: workers finish their current task, and take no other one. */
  tasks.shutdown (true);
  foreach (var worker in workers)
    worker.join ();
  print ("Closed\n");
}

int main (string[] args)
{
  try {
    if (args.length > 1 && args[1] == "work")
      work ();
    else
      run (args.length > 1 && args[1] == "--begin");
  } catch (Error e) {
    printerr ("%s: %s\n", args[0], e.message);
    return 1;
  }

  return 0;
}
