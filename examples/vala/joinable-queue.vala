/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two workers share tasks, and report their progress: joinable-queue */

const int N_STEPS = 4;

void work () throws Error
{
  var queue = (Mp.JoinableQueue) Mp.inherit ("queue");

  try {
    while (true) {
      Mp.Task task = queue.get_task ();
      print ("Processing %s\n", (string) task.message.get_variant ());
      for (int step = 1; step <= N_STEPS; step++) {
        Thread.usleep (25000); /* stands for the actual work */
        task.set_progress ((double) step / N_STEPS, @"step $step");
      }
      task.done ();
    }
  } catch (Mp.Error.CLOSED e) {
    /* There are no more tasks. */
  }
}

async void run () throws Error
{
  var queue = new Mp.JoinableQueue ();
  Mp.Process[] workers = { make_child ("work"), make_child ("work") };

  foreach (var worker in workers) {
    worker.give ("queue", queue);
    worker.start ();
  }

  queue.notify["progress"].connect (() => {
    print ("%.0f %% done\n", queue.progress * 100);
  });
  queue.report_progress = true;
  for (int i = 0; i < 5; i++)
    queue.put (@"task-$i");
  yield queue.join_async ();
  queue.report_progress = false;
  print ("All tasks completed\n");

  queue.shutdown ();
  foreach (var worker in workers)
    yield worker.join_async ();
}

int main (string[] args)
{
  int status = 0;

  if (args.length > 1) {
    try {
      work ();
    } catch (Error e) {
      printerr ("%s: %s\n", args[0], e.message);
      status = 1;
    }
    return status;
  }

  var loop = new MainLoop ();
  run.begin ((source, result) => {
    try {
      run.end (result);
    } catch (Error e) {
      printerr ("%s: %s\n", args[0], e.message);
      status = 1;
    }
    loop.quit ();
  });
  loop.run ();
  return status;
}
