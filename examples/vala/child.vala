/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Creates a process that runs this program again in another role; the caller passes it queues and
 * connections with give (), and calls start (). */
Mp.Process make_child (string role, string? word = null) throws Error
{
  string program = FileUtils.read_link ("/proc/self/exe");
  string[] command = { program, role };

  if (word != null)
    command += word;

  return new Mp.Process (command) {
    die_with_parent = true
  };
}
