# fish completion of mla. tests/e2e/cli_docs.py sees that it knows every option of --help.
function __mla_recordings
    mla ps --json 2>/dev/null | string replace -rf '^ *"pid": ([0-9]+),?$' '$1'
    __fish_complete_suffix .mla
end

set -l commands run report ps ctl analyse leaks why bench
set -l none "not __fish_seen_subcommand_from $commands"
complete -c mla -n $none -f
complete -c mla -n $none -a run -d 'Run a program and record every allocation it makes'
complete -c mla -n $none -a report -d 'Say where the memory of a recorded process is'
complete -c mla -n $none -a ps -d 'List the recordings on this host'
complete -c mla -n $none -a ctl -d 'Change how densely a running process records'
complete -c mla -n $none -a analyse -d 'Judge memory series by the founding thresholds'
complete -c mla -n $none -a leaks -d 'Say whether a recorded process leaks, and where it grew'
complete -c mla -n $none -a why -d 'Say why RSS is what it is, and what to try'
complete -c mla -n $none -a bench -d 'Run a command under several allocators'
complete -c mla -n $none -l version -d 'Print the version'
complete -c mla -s h -l help -d 'Print help'

set -l run '__fish_seen_subcommand_from run'
complete -c mla -n $run -s o -l output -r -d 'Store the recording here'
complete -c mla -n $run -l allocator -x -a 'ptmalloc2 jemalloc tcmalloc mimalloc' -d 'Allocator'
complete -c mla -n $run -l dir -x -a '(__fish_complete_directories)' -d 'Record here'
complete -c mla -n $run -l sample -x -a '64K 512K 4M' -d 'Record one allocation in so many bytes'
complete -c mla -n $run -l budget -x -a '0.5% 1% 2%' -d 'CPU time for samples'
complete -c mla -n $run -l exact -d 'Record every allocation'
complete -c mla -n $run -l python -x -a 'frames objects off' -d 'What to record of CPython'
complete -c mla -n $run -l no-follow -d 'Do not record programs CMD executes'
complete -c mla -n $run -l quiet -d 'No progress line and no summary'
complete -c mla -n $run -x -a '(__fish_complete_subcommand)'

set -l report '__fish_seen_subcommand_from report'
complete -c mla -n $report -f -a '(__mla_recordings)'
complete -c mla -n $report -l json -d 'Print JSON'
complete -c mla -n $report -l folded -a 'live allocated peak' -d 'Print folded stacks'
complete -c mla -n $report -l top -x -d 'Number of call sites to show'
complete -c mla -n $report -l sort -x -a 'live allocated count peak temporary' -d 'Order'
complete -c mla -n $report -l by -x -a 'line function file module' -d 'Add call sites up by'
complete -c mla -n $report -l native -d 'Show the C frames of Python'
complete -c mla -n $report -l full-stacks -d 'Show every frame'
complete -c mla -n $report -l debug-dir -x -a '(__fish_complete_directories)' -d 'Debug files'
complete -c mla -n $report -s o -l output -r -d 'Write to this file'

set -l ps '__fish_seen_subcommand_from ps'
complete -c mla -n $ps -f
complete -c mla -n $ps -l json -d 'Print JSON'
complete -c mla -n $ps -l all -d 'Recordings of all users'

set -l ctl '__fish_seen_subcommand_from ctl'
complete -c mla -n $ctl -f -a '(__mla_recordings)'
complete -c mla -n $ctl -l sample -x -a '64K 512K 4M exact off' -d 'Bytes between two records'

set -l analyse '__fish_seen_subcommand_from analyse'
complete -c mla -n $analyse -l rule -x -a founding -d 'The rule to judge by'
complete -c mla -n $analyse -l previous -r -d "Yesterday's series"
complete -c mla -n $analyse -l unit -x -a 'bytes KiB MiB' -d 'Count byte samples in this unit'
complete -c mla -n $analyse -l csv -d 'Print id,verdict,prob,rate_Bps'
complete -c mla -n $analyse -l json -d 'Print JSON'
complete -c mla -n $analyse -l excess -x -d 'Rise over the mean of --previous'

set -l leaks '__fish_seen_subcommand_from leaks'
complete -c mla -n $leaks -f -a '(__mla_recordings)'
complete -c mla -n $leaks -l json -d 'Print JSON'

set -l why '__fish_seen_subcommand_from why'
complete -c mla -n $why -f -a '(__mla_recordings)'
complete -c mla -n $why -l json -d 'Print JSON'
complete -c mla -n $why -l probe -d 'Trim the allocator, and say what that changed'

set -l judge '__fish_seen_subcommand_from analyse leaks'
complete -c mla -n $judge -l peak -x -d 'Slope per sample above this notifies'
complete -c mla -n $judge -l overshoot -x -d 'Rise of the last part over the first'
complete -c mla -n $judge -l error -x -d 'Disagreement of the two slopes'
complete -c mla -n $judge -l invalid-count -x -d 'Fewer samples are invalid'

set -l bench '__fish_seen_subcommand_from bench'
complete -c mla -n $bench -l allocators -x -a 'ptmalloc2 jemalloc tcmalloc mimalloc' -d 'Allocators'
complete -c mla -n $bench -l tune -d 'Try the settings of each allocator, too'
complete -c mla -n $bench -l config -x -d 'One more: NAME=[ALLOCATOR][,VARIABLE=VALUE]...'
complete -c mla -n $bench -l with-mla -d 'The baseline under mla too'
complete -c mla -n $bench -l ready -x -d 'A server, ready when it answers here'
complete -c mla -n $bench -l load -x -a '(__fish_complete_command)' -d 'Run this against it'
complete -c mla -n $bench -l idle -x -d 'Leave it idle for so many seconds'
complete -c mla -n $bench -l timeout -x -d 'Give up after so many seconds'
complete -c mla -n $bench -l rounds -x -d 'Most rounds'
complete -c mla -n $bench -l seed -x -d 'Of the order of the runs'
complete -c mla -n $bench -l by -x -a 'peak steady idle integral' -d 'The memory to judge by'
complete -c mla -n $bench -l metric -x -d 'Judge speed by this number in the output'
complete -c mla -n $bench -l better -x -a 'higher lower' -d 'Which metric is better'
complete -c mla -n $bench -l margin -x -d 'A smaller difference in percent is none'
complete -c mla -n $bench -l max-cost -x -d 'Time in percent a recommendation may cost'
complete -c mla -n $bench -l json -r -d 'Write JSON to this file'
complete -c mla -n $bench -x -a '(__fish_complete_subcommand)'
