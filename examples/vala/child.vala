/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* This program again, to play a role; give () it queues and connections, and start () it. */
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
