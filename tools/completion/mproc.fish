# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of mproc for fish: commands and options as it lists them itself, and the names of queues.

function __mproc_command
    set -l words (commandline -opc)
    test (count $words) -gt 1; and echo $words[2]
end

complete -c mproc -f
complete -c mproc -n 'test -z (__mproc_command)' -a '(mproc --list-commands 2> /dev/null)'
complete -c mproc -n 'test -n (__mproc_command)' -a '(mproc ls --names 2> /dev/null)'
for name in (mproc --list-commands 2> /dev/null)
    for option in (mproc $name --list-options 2> /dev/null)
        complete -c mproc -n "test (__mproc_command) = $name" -l (string replace -- -- '' $option)
    end
end
