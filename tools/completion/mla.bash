# bash completion of mla. tests/e2e/cli_docs.py sees that it knows every option of --help.
_mla_recordings() {
  local pids
  pids=$(mla ps --json 2>/dev/null | sed -n 's/^ *"pid": \([0-9]*\),*$/\1/p')
  COMPREPLY+=($(compgen -W "$pids" -- "$cur") $(compgen -f -X '!*.mla*' -- "$cur"))
  compopt -o filenames 2>/dev/null
}

_mla() {
  local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command=${COMP_WORDS[1]} i options
  COMPREPLY=()
  if [[ $previous == '=' ]]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "run report diff ps ctl analyse leaks why py stacks top watch history
                             push bench --help --version" -- "$cur"))
    return
  fi
  if [[ $command == run || $command == bench ]]; then
    # What follows "--" is another program's command line.
    for ((i = 2; i < COMP_CWORD; ++i)); do
      if [[ ${COMP_WORDS[i]} == -- ]]; then
        if ((i + 1 == COMP_CWORD)); then
          COMPREPLY=($(compgen -c -- "$cur"))
        elif declare -F _command_offset >/dev/null; then
          _command_offset $((i + 1))
        else
          COMPREPLY=($(compgen -f -- "$cur"))
        fi
        return
      fi
    done
  fi
  case $previous in
    -o | --output | --html | --previous | --db | --suppressions | --junit) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --core | --exe) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --dir | --debug-dir) COMPREPLY=($(compgen -d -- "$cur")); return ;;
    --allocator)
      COMPREPLY=($(compgen -W "ptmalloc2 jemalloc tcmalloc mimalloc" -- "$cur"))
      return
      ;;
    --value) COMPREPLY=($(compgen -W "live allocated peak growth" -- "$cur")); return ;;
    --sort) COMPREPLY=($(compgen -W "live allocated count peak temporary" -- "$cur")); return ;;
    --rule) COMPREPLY=($(compgen -W "founding" -- "$cur")); return ;;
    --sample)
      COMPREPLY=($(compgen -W "64K 512K 4M $([[ $command == ctl ]] && echo exact off)" -- "$cur"))
      return
      ;;
    --by) COMPREPLY=($(compgen -W "line function file module" -- "$cur")); return ;;
    --python) COMPREPLY=($(compgen -W "frames objects off" -- "$cur")); return ;;
    --budget) COMPREPLY=($(compgen -W "0.5% 1% 2%" -- "$cur")); return ;;
    --allocators)
      COMPREPLY=($(compgen -W "ptmalloc2 jemalloc tcmalloc mimalloc" -- "${cur##*,}"))
      return
      ;;
    --by) COMPREPLY=($(compgen -W "peak steady idle integral" -- "$cur")); return ;;
    --better) COMPREPLY=($(compgen -W "higher lower" -- "$cur")); return ;;
    --load) COMPREPLY=($(compgen -c -- "$cur")); return ;;
    --rounds | --seed | --margin | --max-cost | --idle | --timeout) return ;;
    --config | --ready | --metric | --threads) return ;;
    --notify) COMPREPLY=($(compgen -W "webhook: wecom: slack: mail: exec:" -- "$cur")); return ;;
    --db-size | --every | --interval | --build | --message | --link-base | --retry | --since) return ;;
    --name) COMPREPLY=($(compgen -W "$(ps -eo comm=)" -- "$cur")); return ;;
    --pyroscope | --parca | --label | --tenant | --attempts) return ;;
    --unit) COMPREPLY=($(compgen -W "bytes KiB MiB" -- "$cur")); return ;;
    --top | --peak | --overshoot | --excess | --error | --invalid-count | --fail-on | --limit) return ;;
    --from | --to | --wait) return ;;
  esac
  case $command in
    run) options="-o --output --allocator --dir --sample --budget --exact --python --no-follow
                  --watch --db --notify --message --link-base --quiet --help --" ;;
    ctl) options="--sample --name --wait --help" ;;
    report) options="--json --html --pprof --folded --speedscope --csv --openmetrics --prometheus
                     --value --top --sort --by --native --full-stacks --debug-dir -o --output --help" ;;
    diff) options="--from --to --wait --json --html --top --all --sort --full-stacks --native
                   --debug-dir -o --output --help" ;;
    ps) options="--json --all --help" ;;
    analyse) options="--rule --previous --unit --csv --json --chart --peak --overshoot --excess
                      --error --invalid-count --help" ;;
    leaks) options="--rule --fail-on --limit --suppressions --junit --github --json --peak
                    --overshoot --error --invalid-count
                    --help" ;;
    bench) options="--allocators --tune --config --with-mla --ready --load --idle --timeout --rounds
                    --seed --by --metric --better --margin --max-cost --json --html --help --" ;;
    why) options="--json --probe --help" ;;
    py) options="--json --collect --last --rows --timeout --help" ;;
    top) options="--name --interval --once --help" ;;
    watch) options="--db --db-size --every --interval --once --metrics --build --rule --peak --overshoot
                    --error --invalid-count --excess --notify --message --link-base --retry
                    --timeout --dry-run --help" ;;
    push) options="--pyroscope --parca --label --tenant --native --debug-dir --attempts --retry
                   --timeout --dry-run --help" ;;
    history) options="--db --since --json --csv --help" ;;
    stacks) options="--core --exe --threads --json --all --native --debug-dir --help" ;;
    *) return ;;
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
    return
  fi
  case $command in
    report | diff | leaks | ctl | why | py | push | top) _mla_recordings ;;
    stacks) COMPREPLY=($(compgen -W "$(ps -eo pid=)" -- "$cur")) ;;
    watch) COMPREPLY=($(compgen -W "$(ps -eo pid=,comm=)" -- "$cur")) ;;
    analyse) COMPREPLY=($(compgen -f -- "$cur")) ;;
    run | bench) COMPREPLY=($(compgen -c -- "$cur")) ;;
  esac
}
complete -F _mla mla
