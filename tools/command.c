/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"

#include "base/public-uri.h"
#include "output.h"
#include "terminal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static gboolean json, pretty;
static char    *color_name;

static const GOptionEntry common_options[] = {
  { "json", 0, 0, G_OPTION_ARG_NONE, &json,
    "Write JSON, an object a line; --json=pretty writes each over several", NULL },
  { "json-pretty", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &pretty, NULL, NULL },
  { "color", 0, 0, G_OPTION_ARG_STRING, &color_name,
    "Whether tables have colours: auto (the default: on a terminal), always or never", "WHEN" },
  { "no-header", 0, 0, G_OPTION_ARG_NONE, &mp_output.no_header, "Write no line of headings", NULL },
  { "quiet", 'q', 0, G_OPTION_ARG_NONE, &mp_output.quiet, "Write nothing but what was asked for",
    NULL },
  { NULL },
};

/* Makes GOption parse options as most programs do: "-n2" means "-n 2"; and an option whose value is
 * optional gets it only after "=", while GOption would take the next argument as its value. */
static char **
normalize (int    argc,
           char **argv)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  gboolean are_options = TRUE;

  for (int i = 0; i < argc; i++)
    {
      const char *text = argv[i];

      are_options = are_options && strcmp (text, "--") != 0;
      if (are_options && text[0] == '-' && g_ascii_isalpha (text[1]) && g_ascii_isdigit (text[2]))
        {
          g_autofree char *option = g_strndup (text, 2);

          g_strv_builder_add (builder, option);
          g_strv_builder_add (builder, text + 2);
        }
      else
        {
          g_strv_builder_add (
            builder, are_options && strcmp (text, "--json=pretty") == 0 ? "--json-pretty" : text);
        }
    }
  return g_strv_builder_end (builder);
}

/* Returns FALSE if the value of the option is unknown. */
static gboolean
choose_color (void)
{
  const char *no_color = g_getenv ("NO_COLOR");

  if (color_name == NULL || strcmp (color_name, "auto") == 0)
    mp_output.color = mp_terminal_is_smart () && (no_color == NULL || no_color[0] == '\0');
  else if (strcmp (color_name, "always") == 0 || strcmp (color_name, "never") == 0)
    mp_output.color = color_name[0] == 'a';
  else
    return FALSE;
  return TRUE;
}

gboolean
mp_command_parse (const MpCommand *command,
                  int             *argc,
                  char          ***argv,
                  int              least,
                  int              most,
                  int             *status)
{
  g_autoptr (GOptionContext) context = g_option_context_new (command->arguments);
  g_autoptr (GError) error = NULL;
  g_autofree char *program = g_strconcat ("mproc ", command->name, NULL);

  g_set_prgname (program);
  g_option_context_set_summary (context, command->summary);
  if (command->options != NULL)
    g_option_context_add_main_entries (context, command->options, NULL);
  g_option_context_add_main_entries (context, common_options, NULL);
  *argv = normalize (*argc, *argv);
  *argc = (int) g_strv_length (*argv);
  if (!g_option_context_parse (context, argc, argv, &error))
    {
      mp_command_fail (command->name, error);
      *status = MP_EXIT_USAGE;
      return FALSE;
    }
  mp_output.json = pretty ? MP_OUTPUT_PRETTY : json ? MP_OUTPUT_SHORT
                                                    : MP_OUTPUT_TABLE;
  if (!choose_color ())
    {
      *status = mp_command_refuse (command->name, MP_EXIT_USAGE,
                                   "--color is auto, always or never");
      return FALSE;
    }
  if (*argc - 1 < least || *argc - 1 > most)
    {
      g_printerr ("mproc: usage: mproc %s %s\n", command->name, command->arguments);
      *status = MP_EXIT_USAGE;
      return FALSE;
    }
  return TRUE;
}

char **
mp_command_split (int   *argc,
                  char **argv)
{
  for (int i = 1; i < *argc; i++)
    if (strcmp (argv[i], "--") == 0)
      {
        argv[i] = NULL;
        *argc = i;
        return argv[i + 1] != NULL ? argv + i + 1 : NULL;
      }
  return NULL;
}

static void
list_entries (const GOptionEntry *entries)
{
  for (; entries != NULL && entries->long_name != NULL; entries++)
    if ((entries->flags & G_OPTION_FLAG_HIDDEN) == 0 && entries->long_name[0] != '\0')
      g_print ("--%s\n", entries->long_name);
}

void
mp_command_list_options (const MpCommand *command)
{
  list_entries (command->options);
  list_entries (common_options);
  g_print ("--help\n");
}

/* --- Numbers ---------------------------------------------------------------------------------- */

gboolean
mp_command_parse_size (const char *text,
                       guint64    *size)
{
  static const char units[] = "KMGT";
  const char       *unit;
  char             *end;
  double            number = g_ascii_strtod (text, &end);

  if (end == text || !(number >= 0))
    return FALSE;
  unit = *end != '\0' ? strchr (units, g_ascii_toupper (*end)) : NULL;
  if (unit != NULL)
    {
      number *= (double) (G_GUINT64_CONSTANT (1024) << (10 * (unit - units)));
      end++;
    }
  if (*end != '\0' || number >= (double) G_MAXINT64)
    return FALSE;
  *size = (guint64) number;
  return TRUE;
}

gint64
mp_command_timeout (double seconds)
{
  return seconds >= 0 ? (gint64) MIN (seconds * G_USEC_PER_SEC, (double) (G_MAXINT64 / 4)) : -1;
}

/* --- Errors and questions --------------------------------------------------------------------- */

static const struct
{
  GQuark (*domain) (void);
  int    code;
  MpExit status;
} statuses[] = {
  { mp_error_quark, MP_ERROR_EMPTY, MP_EXIT_NOTHING },
  { mp_error_quark, MP_ERROR_FULL, MP_EXIT_NOTHING },
  { mp_error_quark, MP_ERROR_CLOSED, MP_EXIT_CLOSED },
  { g_io_error_quark, G_IO_ERROR_TIMED_OUT, MP_EXIT_NOTHING },
  { g_io_error_quark, G_IO_ERROR_NOT_FOUND, MP_EXIT_NO_QUEUE },
  { g_io_error_quark, G_IO_ERROR_EXISTS, MP_EXIT_NO_QUEUE },
  { g_io_error_quark, G_IO_ERROR_PERMISSION_DENIED, MP_EXIT_REFUSED },
};

/* @subject is as given by the user, who may have put a password into a URI. */
static char *
dup_safe_subject (const char *subject)
{
  g_autofree char *shown = mp_public_uri (subject);

  return mp_terminal_escape (shown);
}

int
mp_command_fail (const char   *subject,
                 const GError *error)
{
  g_autofree char *safe = dup_safe_subject (subject);
  g_autofree char *reason = mp_terminal_escape (error->message);

  g_printerr ("mproc: %s: %s\n", safe, reason);
  for (guint i = 0; i < G_N_ELEMENTS (statuses); i++)
    if (g_error_matches (error, statuses[i].domain (), statuses[i].code))
      return statuses[i].status;
  return MP_EXIT_FAILED;
}

int
mp_command_refuse (const char *subject,
                   MpExit      status,
                   const char *format,
                   ...)
{
  g_autofree char *safe = dup_safe_subject (subject);
  g_autofree char *text = NULL;
  g_autofree char *reason = NULL;
  va_list          arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  reason = mp_terminal_escape (text);
  g_printerr ("mproc: %s: %s\n", safe, reason);
  return status;
}

static gboolean
ask (const char *selector,
     const char *what)
{
  g_autofree char *shown = mp_terminal_escape (selector);
  char             answer[16];

  if (!isatty (STDIN_FILENO))
    return FALSE;
  g_printerr ("Drop %s of %s? [y/N] ", what, shown);
  return fgets (answer, sizeof answer, stdin) != NULL && g_ascii_tolower (answer[0]) == 'y';
}

gboolean
mp_command_may_drop (const char *selector,
                     const char *what,
                     gboolean    is_sure)
{
  if (is_sure || ask (selector, what))
    return TRUE;
  mp_command_refuse (selector, MP_EXIT_FAILED, "nothing was done: see --yes");
  return FALSE;
}

gboolean
mp_command_may_clear (const char *selector,
                      MpQueue    *queue,
                      gboolean    is_sure)
{
  g_autofree char *what = g_strdup_printf ("the %u messages", mp_queue_get_size (queue));

  return mp_command_may_drop (selector, what, is_sure);
}
