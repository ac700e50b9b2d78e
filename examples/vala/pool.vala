/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A pool whose workers count prime numbers.  One task ends each worker that is given it; the others
 * are done all the same. */

const int64 STEP = 1000;

bool is_prime (int64 n)
{
  for (int64 divisor = 2; divisor * divisor <= n; divisor++)
    if (n % divisor == 0)
      return false;
  return n > 1;
}

Variant do_task (string function, Variant argument) throws Error
{
  int64 count = 0;

  if (function == "crash")
    Process.exit (3);
  for (int64 n = argument.get_int64 (); n < argument.get_int64 () + STEP; n++)
    count += is_prime (n) ? 1 : 0;
  return count;
}

async void crash (Mp.Pool pool)
{
  try {
    yield pool.submit_async ("crash", false);
  } catch (Error e) {
    print ("One task failed: %s\n", e.message);
  }
}

async void run (string program) throws Error
{
  var pool = (Mp.Pool) Object.@new (typeof (Mp.Pool),
    "argv", new string[] { program, "work" }, "n-workers", 3, "restart-delay", (int64) 10000);
  int64 sum = 0;
  int n_left = 11;

  pool.start ();
  crash.begin (pool, (source, result) => {
    crash.end (result);
    n_left--;
    run.callback ();
  });
  for (int64 n = 0; n < 10; n++) {
    pool.submit_async.begin ("count-primes", n * STEP, 0, null, (source, result) => {
      try {
        sum += pool.submit_async.end (result).get_int64 ();
      } catch (Error e) {
        printerr ("%s\n", e.message);
      }
      n_left--;
      run.callback ();
    });
  }
  while (n_left > 0)
    yield;
  print (@"$sum primes below $(10 * STEP)\n");
  yield pool.stop_async ();
}

int main (string[] args)
{
  var loop = new MainLoop ();
  int status = 0;

  if (args.length > 1)
    return Mp.pool_work (do_task);

  run.begin (args[0], (source, result) => {
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
