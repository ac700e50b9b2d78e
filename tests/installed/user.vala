/* SPDX-License-Identifier: LGPL-2.1-or-later */

int main ()
{
  try {
    var queue = new Mp.Queue (0);
    queue.put ("hello", -1);
    print ("%s\n", (string) queue.get (-1));
  } catch (Error e) {
    printerr ("%s\n", e.message);
    return 1;
  }

  return 0;
}
