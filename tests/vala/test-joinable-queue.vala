/* SPDX-License-Identifier: LGPL-2.1-or-later */

const int64 DEADLINE = 120 * 1000000;

string program;

void check (Error e)
{
  error ("%s", e.message);
}

void test_task_done ()
{
  Mp.JoinableQueue? queue = null;

  try {
    queue = new Mp.JoinableQueue ();
    queue.put (1);
    assert ((int) queue.get () == 1);
    assert (queue.unfinished == 1);
    queue.task_done ();
    queue.join (0);
  } catch (Error e) {
    check (e);
  }

  try {
    queue.task_done ();
    assert_not_reached ();
  } catch (Mp.Error.TOO_MANY_DONE e) {
  } catch (Error e) {
    check (e);
  }
}

void test_task ()
{
  Mp.Task? task = null;

  try {
    var queue = new Mp.JoinableQueue ();
    queue.put ("file");
    queue.get_task ().retry ();

    task = queue.get_task ();
    assert ((string) task.message.get_variant () == "file");
    assert (task.delivery_count == 2);
    task.set_progress (0.5);
    task.set_progress (0.7, "nearly");
    assert (queue.list_progress ().n_children () == 1);
    task.done ();
    queue.join (0);
  } catch (Error e) {
    check (e);
  }

  try {
    task.done ();
    assert_not_reached ();
  } catch (Mp.Error.STALE e) {
  } catch (Error e) {
    check (e);
  }
}

async void finish_one (Mp.JoinableQueue queue) throws Error
{
  Mp.Task task = yield queue.get_task_async ();
  assert ((int) task.message.get_variant () == 7);
  task.done ();
  yield queue.join_async ();
}

void test_async ()
{
  try {
    var queue = new Mp.JoinableQueue ();
    var loop = new MainLoop ();

    finish_one.begin (queue, (source, result) => {
      try {
        finish_one.end (result);
      } catch (Error e) {
        check (e);
      }
      loop.quit ();
    });
    queue.put (7);
    loop.run ();
    assert (queue.unfinished == 0);
  } catch (Error e) {
    check (e);
  }
}

/* The function of the child: takes a task, reports that, and never ends by itself. */
int take ()
{
  try {
    var tasks = (Mp.JoinableQueue) Mp.inherit ("tasks");
    var results = (Mp.Queue) Mp.inherit ("results");
    results.put (tasks.get ());
    tasks.join ();
  } catch (Error e) {
    return 1;
  }
  return 0;
}

void test_killed_consumer ()
{
  try {
    var tasks = new Mp.JoinableQueue ();
    var results = new Mp.Queue ();
    var child = new Mp.Process ({ program, "take" });

    child.die_with_parent = true;
    child.give ("tasks", tasks);
    child.give ("results", results);
    child.start ();
    tasks.put ("precious");
    assert ((string) results.get (DEADLINE) == "precious");
    child.kill ();
    child.join (DEADLINE);

    Mp.Task task = tasks.get_task (DEADLINE);
    assert ((string) task.message.get_variant () == "precious");
    assert (task.delivery_count == 2);
    task.done ();
    tasks.join (DEADLINE);
  } catch (Error e) {
    check (e);
  }
}

void test_batches ()
{
  try {
    var queue = new Mp.JoinableQueue ();

    queue.put (1);
    queue.put (2);
    queue.get_task ().done ();
    assert (queue.clear () == 1);
    assert (queue.n_dropped == 1 && queue.n_done == 1 && queue.n_total == 2);
    try {
      queue.join (0);
      assert_not_reached ();
    } catch (Mp.Error.CLOSED e) {
    }

    queue.begin_batch ();
    assert (queue.n_dropped == 0 && queue.n_total == 0 && queue.progress == 0);
    queue.join (0);
  } catch (Error e) {
    check (e);
  }
}

void test_dead ()
{
  try {
    var queue = (Mp.JoinableQueue) Object.@new (typeof (Mp.JoinableQueue), "max-deliveries", 1u);

    queue.put (new Variant.string ("letter"));
    queue.get_task ().retry ();
    assert (queue.requeue_dead ());
    assert (!queue.requeue_dead ());
    queue.get_task ().done ();
    queue.join (0);
  } catch (Error e) {
    check (e);
  }
}

int main (string[] args)
{
  program = args[0];
  if (args.length > 1 && args[1] == "take")
    return take ();

  Test.init (ref args);
  Test.add_func ("/vala/joinable-queue/batches", test_batches);
  Test.add_func ("/vala/joinable-queue/task-done", test_task_done);
  Test.add_func ("/vala/joinable-queue/task", test_task);
  Test.add_func ("/vala/joinable-queue/async", test_async);
  Test.add_func ("/vala/joinable-queue/killed-consumer", test_killed_consumer);
  Test.add_func ("/vala/joinable-queue/dead", test_dead);
  return Test.run ();
}
