"""What the recordings of one run say."""
import concurrent.futures
import json
import os
import subprocess

from zoo_lib import configurations

REPORT_TIMEOUT = 300
READERS = 2
# A process's first allocations, before one library is set up and not before another.
STARTUP_ALLOCATIONS = 8
# An event lost is one that the program made inside mla, or where mla had no memory: rare.
MOST_LOST = 1 / 1000
# A program with so many allocations, and with so many of them for each stack that is to be
# compared, cannot be without a stack that was compared.
MANY_ALLOCATIONS = 500
MANY_INTERVALS = 10
SUMS = ("live_bytes", "live_count", "alloc_bytes", "alloc_count", "freed_bytes", "freed_count")


class Summary:
    """Of all recordings of a run. wrong: sentences, each a finding."""

    def __init__(self):
        self.files = 0
        self.programs = {}  # base name -> recordings of it
        self.allocations = 0
        self.allocations_of = {}  # base name -> those of it
        self.compared = self.differed = self.heuristic = 0
        self.lost = 0  # events that are in no figure
        self.losses = {}
        self.wrong = []


def lean(node):
    """Call sites without their stacks: whole, a report of a CPython's tests may take 10 GiB."""
    if "stack" in node and "alloc_bytes" in node:
        return {name: node[name] for name in ("kind",) + SUMS}
    return node


def read(mla, path):
    """The report, lean, or a sentence."""
    try:
        done = subprocess.run([mla, "report", "--json", path], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=REPORT_TIMEOUT)
    except subprocess.TimeoutExpired:
        return "%s: no report in %d s" % (os.path.basename(path), REPORT_TIMEOUT)
    if done.returncode != 0:
        return "%s: not readable: %s" % (os.path.basename(path),
                                         done.stderr.decode("utf-8", "replace").strip()[-200:])
    return json.loads(done.stdout, object_hook=lean)


def unsound(report):
    """Sums that do not hold: events that are in one figure and not in another."""
    if report["damage"]:
        yield "damage: %s" % report["damage"][0]
    totals = report["totals"]
    heap = [site for site in report["sites"] if site["kind"] == "heap"]
    for name in SUMS:
        if sum(site[name] for site in heap) != totals[name]:
            yield "the sites' %s do not add up" % name
    for name in ("bytes", "count"):
        if any(site["live_" + name] > site["alloc_" + name] for site in heap):
            yield "more live %s at a site than it allocated" % name
    if totals["peak_live_bytes"] < totals["live_bytes"]:
        yield "the peak is below what is live"


def may_be_killed(process, program, started):
    """Whether a process may have ended without a word. started: pids of those that the zoo itself
    started, how these ended is known."""
    name = os.path.basename(process["exe"])
    return name in (program.replaced if process["pid"] in started else program.killed)


def check(report, configuration, program, started):
    """Sentences about what is wrong with one recording."""
    yield from unsound(report)
    process = report["process"]
    wanted = configuration.allocator
    if process["allocator"]["name"] not in (wanted, program.linked if wanted == "ptmalloc2"
                                            else wanted):
        yield "runs over %s" % process["allocator"]["name"]
    if report["sampling"]["mode"] != configuration.mode:
        yield "mode is %s" % report["sampling"]["mode"]
    if report["stopped"] is not None:
        yield "recording stopped: %s" % json.dumps(report["stopped"])
    if report["status"] != "exited" and not (report["status"] == "killed" and
                                             may_be_killed(process, program, started)):
        yield "status is %s" % report["status"]
    totals = report["totals"]
    if totals["lost_events"] > MOST_LOST * totals["alloc_count"]:
        yield "%d events lost beside %d allocations" % (totals["lost_events"],
                                                        totals["alloc_count"])
    unwinding = report["unwind_check"]
    if unwinding and unwinding["differed"]:
        yield "%d of %d stacks differ from libunwind's, first %s" % (
            unwinding["differed"], unwinding["checked"], json.dumps(unwinding["first"]))


def check_whole(summary, configuration, program):
    """Sentences about what is wrong with all recordings of a run together."""
    for name in program.expects:
        if name not in summary.programs:
            yield "no recording of %s" % name
    many = max(MANY_ALLOCATIONS, MANY_INTERVALS * program.unwind_check)
    if configuration.mode == "exact" and summary.allocations >= many and not summary.compared:
        yield "no stack of %d allocations was compared%s" % (
            summary.allocations, "" if configurations.find_library("libunwind.so.8") else
            ": libunwind.so.8 is not installed: apt install libunwind8")


def summarise(mla, directory, configuration, program, started):
    summary = Summary()
    names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    paths = [os.path.join(directory, name) for name in names]
    with concurrent.futures.ThreadPoolExecutor(READERS) as readers:
        for path, report in zip(paths, readers.map(lambda path: read(mla, path), paths)):
            add(summary, path, report, configuration, program, started)
    summary.wrong += check_whole(summary, configuration, program)
    return summary


def add(summary, path, report, configuration, program, started):
    summary.files += 1
    if isinstance(report, str):
        summary.wrong.append(report)
        return
    name = os.path.basename(report["process"]["exe"])
    summary.programs[name] = summary.programs.get(name, 0) + 1
    allocations = report["totals"]["alloc_count"]
    summary.allocations += allocations
    summary.allocations_of[name] = summary.allocations_of.get(name, 0) + allocations
    summary.lost += report["totals"]["lost_events"]
    for loss, count in report["losses"].items():
        summary.losses[loss] = summary.losses.get(loss, 0) + count
    unwinding = report["unwind_check"]
    if unwinding:
        summary.compared += unwinding["checked"]
        summary.differed += unwinding["differed"]
    summary.heuristic += report["losses"].get("stack_heuristic", 0)
    for sentence in check(report, configuration, program, started):
        summary.wrong.append("%s (%s): %s" % (name, os.path.basename(path), sentence))


def uncounted(summary, counts):
    """Of a repeatable program in exact mode: sentences where events are missing that no loss
    counts. counts: base name -> allocations, as counted without mla. Executables that are too short
    for a recording are not in the summary."""
    for name, recorded in sorted(summary.allocations_of.items()):
        counted = counts.get(name, 0)
        allowed = STARTUP_ALLOCATIONS * summary.programs[name] + summary.lost
        if abs(recorded - counted) > allowed:
            yield "%d allocations of %s recorded, %d counted without mla" % (recorded, name,
                                                                             counted)
