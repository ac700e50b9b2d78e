# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the window does to a queue: each action is a command of `mproc`, which may take its time
without stopping the window."""

from gi.repository import Adw, Gio, GLib

# The arguments of each command before the queue, and what is said when it is done.
COMMANDS = {
    'requeue': (['requeue'], 'Dead letters are queued again'),
    'shutdown': (['shutdown'], 'The queue is shut down'),
    'purge': (['purge', '--yes'], 'The messages are dropped'),
}


class Actions:
    """Adds the actions to @window, which shows their results and knows the queue."""

    def __init__(self, window, command):
        self._window = window
        self._command = command
        self._actions = []
        for name, run in (('requeue', self._run), ('shutdown', self._run), ('purge', self._ask)):
            action = Gio.SimpleAction(name=name)
            action.connect('activate', lambda action, parameter, run=run: run(action.get_name()))
            window.add_action(action)
            self._actions.append(action)

    def enable(self, queue):
        """An action that cannot work with @queue, or None, cannot be chosen."""
        can_open = queue is not None and queue.monitor.dup_uri() is not None
        for action in self._actions:
            has_work = action.get_name() != 'requeue' or (can_open and queue.monitor.props.n_dead > 0)
            action.set_enabled(can_open and has_work)

    def _ask(self, name):
        queue = self._window.queue
        dialog = Adw.MessageDialog(
            transient_for=self._window, modal=True, heading=f'Purge “{queue.title}”?',
            body='All messages that are queued are dropped. Tasks that consumers hold stay theirs.')
        dialog.add_response('cancel', 'Cancel')
        dialog.add_response('purge', 'Purge')
        dialog.set_response_appearance('purge', Adw.ResponseAppearance.DESTRUCTIVE)
        dialog.set_default_response('cancel')
        dialog.connect('response', lambda dialog, response: response == 'purge' and self._run(name))
        dialog.present()

    def _run(self, name):
        words, _ = COMMANDS[name]
        arguments = [self._command, *words, self._window.queue.monitor.dup_uri()]
        try:
            process = Gio.Subprocess.new(arguments, Gio.SubprocessFlags.STDOUT_SILENCE |
                                         Gio.SubprocessFlags.STDERR_PIPE)
        except GLib.Error as error:
            self._window.say(error.message)
            return
        process.communicate_utf8_async(None, None, self._finish, name)

    def _finish(self, process, result, name):
        try:
            _, _, errors = process.communicate_utf8_finish(result)
        except GLib.Error as error:
            errors = error.message
        _, done = COMMANDS[name]
        self._window.say(done if process.get_successful() else errors.strip())
