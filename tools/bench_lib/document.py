"""docs/overhead.md, from the results."""
from bench_lib import tables

HEAD = """# What recording costs

This file is written by `tools/bench --markdown docs/overhead.md`; do not edit it. Every figure
comes from one run of that command, on this machine:

%(machine)s

Measured: %(configurations)s.
%(missing)s
How: %(rounds)d rounds; in each, every workload runs once under every configuration, in an order
that is shuffled anew. A figure is the median over the rounds of the ratio to the run without any
profiler in the same round, with its 95 %% bootstrap interval. Work and inputs are fixed, and what a
program prints or makes is the same in every run unless the table says otherwise. CPU time is user
and system time of the whole process tree; it is the figure to look at where other programs ran
beside (the wall time of a run of two threads is that of the machine as well). Peak memory is that
of the largest process, mla's own tables included. A profiler is stopped after %(timeout)d s.

Peers: heaptrack as its users run it (the command interprets and compresses events while the program
runs, on another processor if there is one), and its library alone, writing raw events to a file:
the least that it can cost. jemalloc with `prof:true` at its default of one sample in 512 KiB;
gperftools with `HEAPPROFILE`. The last two bring their own allocator, whose speed is part of their
ratio.
"""


def machine_text(machine):
    names = {"cpu": "CPU", "cpus": "processors", "memory_gib": "memory, GiB", "glibc": "glibc",
             "load_at_start": "load average at the start"}
    return "\n".join("- %s: %s" % (names.get(key, key), value)
                     for key, value in machine.items() if value is not None)


def titled(configuration):
    return configuration.title + (" %s" % configuration.version if configuration.version else "")


def document(machine, options, workloads, configurations, left_out, summaries):
    missing = "".join("Not measured: %s: %s.\n" % (thing.title, thing.missing)
                      for thing in left_out)
    parts = [HEAD % {
        "machine": machine_text(machine), "rounds": options.rounds, "timeout": options.timeout,
        "configurations": ", ".join(titled(c) for c in configurations[1:]), "missing": missing}]
    for heading, rows in tables.sections(workloads, configurations, summaries):
        parts.append("## %s\n\n%s\n" % (heading, tables.markdown(rows)))
    return "\n".join(parts)
