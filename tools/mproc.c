/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"

#include <locale.h>
#include <signal.h>
#include <string.h>

static const MpCommand *const commands[] = {
  /* Looking */
  &mp_command_ls,
  &mp_command_show,
  &mp_command_top,
  &mp_command_monitor,
  &mp_command_peek,
  &mp_command_tail,
  /* Taking part */
  &mp_command_put,
  &mp_command_get,
  &mp_command_work,
  &mp_command_run,
  &mp_command_wait,
  /* Steering */
  &mp_command_drain,
  &mp_command_shutdown,
  &mp_command_purge,
  &mp_command_requeue,
  &mp_command_create,
  &mp_command_rm,
  /* Connections, and measuring */
  &mp_command_listen,
  &mp_command_connect,
  &mp_command_bench,
};

static void
print_help (void)
{
  g_print ("Usage: mproc COMMAND [OPTION…] [ARGUMENT…]\n\n"
           "Lists, watches and steers the queues of this machine.\n\n");
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    g_print ("  %-8s %-22s %s\n", commands[i]->name, commands[i]->arguments,
             commands[i]->summary);
  g_print ("\nA QUEUE is its name, NAME@PID, its id, PID/FD, or local:NAME.  `mproc COMMAND --help`"
           " tells the options.\n");
}

static const MpCommand *
find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (commands[i]->name, name) == 0)
      return commands[i];
  return NULL;
}

int
main (int   argc,
      char *argv[])
{
  const MpCommand *command = &mp_command_ls;

  setlocale (LC_ALL, "");
  /* End quietly if the reader of the output pipe is closed. */
  signal (SIGPIPE, SIG_DFL);

  if (argc > 1 && strcmp (argv[1], "--help") == 0)
    {
      print_help ();
      return MP_EXIT_DONE;
    }
  if (argc > 1 && strcmp (argv[1], "--version") == 0)
    {
      g_print ("mproc %u.%u.%u\n", mp_get_major_version (), mp_get_minor_version (),
               mp_get_micro_version ());
      return MP_EXIT_DONE;
    }
  if (argc > 1 && strcmp (argv[1], "--list-commands") == 0)
    {
      for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
        g_print ("%s\n", commands[i]->name);
      return MP_EXIT_DONE;
    }
  if (argc > 1 && argv[1][0] != '-')
    {
      command = find (argv[1]);
      if (command == NULL)
        {
          g_printerr ("mproc: there is no command “%s”; see mproc --help\n", argv[1]);
          return MP_EXIT_USAGE;
        }
      argc--;
      argv++;
    }
  if (argc == 2 && strcmp (argv[1], "--list-options") == 0)
    {
      mp_command_list_options (command);
      return MP_EXIT_DONE;
    }
  return command->run (argc, argv);
}
