"""tools/bench: what recording costs the recorded program.

Standard library only, Python 3.8 or newer.

command         options, and the order of things
configurations  mla and its peers: how each is switched on, and what is missing
workloads       the programs that are measured, with their inputs (inputs, programs/)
measure         one run
rounds          all runs, interleaved
intervals       from runs to ratios with intervals
tables          from ratios to text, Markdown and JSON
machine         what it was measured on
"""
