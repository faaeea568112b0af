"""The command line of tools/bench."""
import argparse
import json
import os
import shutil
import sys
import tempfile

from bench_lib import configurations, document, machine, reports, rounds, tables, workloads

DESCRIPTION = """Measures what recording costs: runs real programs with no profiler, with mla and
with the profiler of heaptrack, jemalloc and gperftools (each where installed), every one once a
round and in shuffled order, and prints ratios with 95 % intervals. An interrupt prints what is
finished."""
QUICK_SCALE = 0.005


def parse(argv, root):
    parser = argparse.ArgumentParser(prog="tools/bench", description=DESCRIPTION)
    parser.add_argument("--build", default=os.path.join(root, "build", "release"),
                        help="build directory (default: build/release)")
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument("--workloads", metavar="A,B", help="only these (see --list)")
    parser.add_argument("--configurations", metavar="A,B", help="only these beside none")
    parser.add_argument("--timeout", type=int, default=120, metavar="S",
                        help="stop a run after so long and do not repeat it (default 120)")
    parser.add_argument("--json", metavar="FILE", help="also write everything that was measured")
    parser.add_argument("--markdown", metavar="FILE", help="also write the tables as a document")
    parser.add_argument("--quick", action="store_true",
                        help="little work and one round: shows that it works, not what it costs")
    parser.add_argument("--list", action="store_true", help="what can be measured here")
    parser.add_argument("--reports", nargs=argparse.REMAINDER, metavar="COMMAND",
                        help="instead: record this command by mla and heaptrack, and measure what "
                             "the reports of both cost (the last option)")
    options = parser.parse_args(argv)
    if options.reports is not None and not options.reports:
        parser.error("--reports wants a command")
    options.build = os.path.abspath(options.build)
    if options.quick:
        options.rounds = 1
    if options.rounds < 1 or options.timeout < 1:
        parser.error("--rounds and --timeout are whole numbers from 1")
    if not os.path.exists(os.path.join(options.build, "preload", "libmla.so")):
        parser.error("%s holds no build of mla: run tools/dev build, or give --build" %
                     options.build)
    return parser, options


def choose(parser, things, wanted, always=()):
    """Those named; an unknown name ends the program."""
    if wanted is None:
        return things
    names = wanted.split(",")
    unknown = set(names) - {thing.name for thing in things}
    if unknown:
        parser.error("no such name: %s; there are %s" % (
            ", ".join(sorted(unknown)), ", ".join(thing.name for thing in things)))
    return [thing for thing in things if thing.name in names or thing.name in always]


def print_list(all_workloads, all_configurations):
    for heading, things in (("workloads", all_workloads), ("configurations", all_configurations)):
        print(heading + ":")
        for thing in things:
            print("  %-14s %s%s" % (thing.name, thing.title,
                                    " -- " + thing.missing if thing.missing else ""))


def write(path, content):
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)


def measure_all(options, parser, directory):
    if options.reports:
        reports.measure(options.build, directory, options.reports, options.rounds)
        return 0
    scale = QUICK_SCALE if options.quick else 1
    found_configurations = configurations.all_configurations(options.build)
    found_workloads = workloads.all_workloads(options.build, directory, scale)
    if options.list:
        print_list(found_workloads, found_configurations)
        return 0
    chosen_configurations = choose(parser, found_configurations, options.configurations,
                                   (configurations.BASELINE,))
    chosen_workloads = choose(parser, found_workloads, options.workloads)
    left_out = [thing for thing in chosen_configurations + chosen_workloads if thing.missing]
    for thing in left_out:
        print("not measured: %s: %s" % (thing.title, thing.missing))
    there = [c for c in chosen_configurations if not c.missing]
    runnable = [w for w in chosen_workloads if not w.missing]
    host = machine.describe()
    cells, interrupted = rounds.run_all(runnable, there, options.rounds, options.timeout)
    summaries = tables.summarise(runnable, there, cells)
    print(tables.text(runnable, there, summaries))
    if options.json:
        write(options.json, json.dumps({
            "machine": host, "rounds": options.rounds, "quick": options.quick,
            "interrupted": interrupted,
            "configurations": {c.name: {"title": c.title, "version": c.version,
                                        "missing": c.missing} for c in chosen_configurations},
            "workloads": {w.name: {
                "title": w.title, "missing": w.missing, "limits": w.limits,
                "results": {c.name: summaries[w.name, c.name].json()
                            for c in there if not w.missing}} for w in chosen_workloads},
        }, indent=1) + "\n")
    if interrupted:
        print("interrupted: figures are of what was finished", file=sys.stderr)
        return 130
    if options.markdown:
        write(options.markdown, document.document(host, options, runnable, there, left_out,
                                                  summaries))
    # A peer that fails is said in the tables, and no failure of this program.
    wrong = [summary for (_, configuration), summary in summaries.items()
             if configuration.startswith((configurations.BASELINE, "mla-")) and
             (summary.cell.failure or not summary.same_output)]
    return 1 if wrong else 0


def main(argv):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser, options = parse(argv, root)
    directory = tempfile.mkdtemp(prefix="mla-bench-")
    try:
        return measure_all(options, parser, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
