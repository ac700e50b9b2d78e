/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counts the frames of a window beside a queue or connection that always has another message:
 * frames MODE. Ends after so many frames; a stream that leaves no time to draw never does. */

const uint N_FRAMES = 60;
const uint N_QUEUED = 20;

class Counter : Gtk.Application
{
  Mp.Queue queue;
  Mp.JoinableQueue jobs;
  Mp.Connection sender;
  Mp.Connection receiver;
  Gtk.Label label;
  uint n_frames = 0;
  uint n_messages = 0;

  public Counter () throws Error
  {
    Object (flags: ApplicationFlags.NON_UNIQUE);
    queue = new Mp.Queue ();
    jobs = new Mp.JoinableQueue ();
    Mp.pipe (false, out receiver, out sender);
    for (uint i = 0; i < N_QUEUED; i++) {
      queue.put (i);
      jobs.put (i);
      sender.send (i);
    }
  }

  public override void activate ()
  {
    label = new Gtk.Label (null);
    var window = new Gtk.ApplicationWindow (this) {
      child = label
    };

    window.add_tick_callback (count_frame);
    window.present ();
  }

  bool count_frame ()
  {
    n_frames++;
    label.label = @"$n_frames frames";
    if (n_frames < N_FRAMES)
      return Source.CONTINUE;

    print ("%u frames beside %u messages\n", n_frames, n_messages);
    quit ();
    return Source.REMOVE;
  }

  void put_again ()
  {
    n_messages++;
    try {
      queue.put (n_messages);
    } catch (Error e) {
      error ("%s", e.message);
    }
  }

  void send_again ()
  {
    n_messages++;
    try {
      sender.send (n_messages);
    } catch (Error e) {
      error ("%s", e.message);
    }
  }

  async void keep_getting () throws Error
  {
    while (true) {
      yield queue.get_async ();
      put_again ();
    }
  }

  async void keep_working () throws Error
  {
    while (true) {
      (yield jobs.get_task_async ()).done ();
      jobs.put (++n_messages);
    }
  }

  async void keep_putting () throws Error
  {
    while (true) {
      yield queue.put_async (++n_messages);
      queue.get ();
    }
  }

  async void keep_receiving () throws Error
  {
    while (true) {
      yield receiver.recv_async ();
      send_again ();
    }
  }

  async void keep_sending () throws Error
  {
    while (true) {
      yield sender.send_async (++n_messages);
      receiver.recv ();
    }
  }

  public void begin (string mode)
  {
    switch (mode) {
    case "message":
      queue.message.connect (put_again);
      queue.start ();
      break;
    case "connection-message":
      receiver.message.connect (send_again);
      receiver.start ();
      break;
    case "get":
      keep_getting.begin ();
      break;
    case "tasks":
      keep_working.begin ();
      break;
    case "put":
      keep_putting.begin ();
      break;
    case "recv":
      keep_receiving.begin ();
      break;
    case "send":
      keep_sending.begin ();
      break;
    default:
      assert_not_reached ();
    }
  }
}

int main (string[] args)
{
  try {
    var counter = new Counter ();

    counter.begin (args[1]);
    return counter.run ();
  } catch (Error e) {
    printerr ("%s\n", e.message);
    return 1;
  }
}
