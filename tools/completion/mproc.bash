# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of mproc for bash: commands and options as it lists them itself, and the names of queues.

_mproc ()
{
  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}

  if (( COMP_CWORD == 1 )); then
    mapfile -t COMPREPLY < <(compgen -W "$(mproc --list-commands 2> /dev/null)" -- "$word")
  elif [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(mproc "$command" --list-options 2> /dev/null)" -- "$word")
  elif [[ ${COMP_WORDS[COMP_CWORD-1]} == --file || ${COMP_WORDS[COMP_CWORD-1]} == --key-file ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -W "$(mproc ls --names 2> /dev/null)" -- "$word")
  fi
}

complete -F _mproc mproc
