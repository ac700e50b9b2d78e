# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of mproc for fish: commands and options as it lists them itself, and the names of queues.

# Whether the command is this one, or with "" whether there is none yet.
function __mproc_command_is
    set -l words (commandline -opc) '' ''
    test "$words[2]" = "$argv[1]"
end

complete -c mproc -f
complete -c mproc -n '__mproc_command_is ""' -a '(mproc --list-commands 2> /dev/null)'
complete -c mproc -n 'not __mproc_command_is ""' -a '(mproc ls --names 2> /dev/null)'
for name in (mproc --list-commands 2> /dev/null)
    for option in (mproc $name --list-options 2> /dev/null)
        complete -c mproc -n "__mproc_command_is $name" -l (string replace -- -- '' $option)
    end
end
