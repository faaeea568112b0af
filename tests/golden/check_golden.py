#!/usr/bin/env python3
"""Runs a golden program under one allocator in all ways and checks the report of each run.

In 1 and in 8 threads, to its end and killed with SIGKILL, with nothing but LD_PRELOAD and through
`mla run`: the figures, lines and frames of every call site must be exactly what the comments of
the program's sources say. Exit code 77: the allocator is not installed.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import check_report

KIND = {"ptmalloc2": None, "jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4",
        "mimalloc": "libmimalloc.so.2"}
NOT_INSTALLED = 77
MOST_PROBLEMS = 12  # printed of one run


class Run:
    def __init__(self, options, threads, ending, way, directory):
        self.options = options
        self.threads = threads
        self.ending = ending
        self.way = way
        self.directory = directory

    def command(self):
        """(argv, environment) of the run; the recording is the only file in the directory."""
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("MLA_") and name != "LD_PRELOAD"}
        environment["MLA_UNWIND_CHECK"] = str(self.options.unwind_check)
        argv = [self.options.program, str(self.threads), self.ending]
        if self.way == "mla run":
            return [self.options.mla, "run", "--allocator", self.options.allocator, "-o",
                    os.path.join(self.directory, "recording"), "--"] + argv, environment
        environment.update(MLA_DIR=self.directory, LD_PRELOAD=self.options.preload,
                           MLA_ALLOCATOR=self.options.allocator)
        return argv, environment

    def ready(self):
        """What the program printed once its work was done; then it is over."""
        argv, environment = self.command()
        log = os.path.join(self.directory, "stderr")
        with open(log, "wb") as errors, subprocess.Popen(
                argv, env=environment, stdout=subprocess.PIPE, stderr=errors) as process:
            line = process.stdout.readline()
            if line.startswith(b"READY ") and self.ending == "wait":
                os.kill(json.loads(line[6:])["pid"], signal.SIGKILL)
            code = process.wait()
        with open(log, "rb") as errors:
            text = errors.read().decode("utf-8", "replace")
        os.unlink(log)
        wanted = 0 if self.ending == "exit" else -signal.SIGKILL
        if not line.startswith(b"READY ") or code not in (wanted, 128 - wanted if wanted else 0):
            raise RuntimeError("exit code %d, output %r, errors:\n%s" % (code, line, text))
        return json.loads(line[6:])

    def report(self):
        files = os.listdir(self.directory)
        if len(files) != 1:
            raise RuntimeError("recordings: %s" % files)
        return json.loads(subprocess.run(
            [self.options.mla, "report", "--json", os.path.join(self.directory, files[0])],
            check=True, stdout=subprocess.PIPE).stdout)


def check_process(run, report, variables):
    """What the report says of the process itself."""
    problems = []
    status = "exited" if run.ending == "exit" else "killed"
    allocator = report["process"]["allocator"]
    unwind = report["unwind_check"]
    library = KIND[run.options.allocator] or "libc.so.6"
    for good, text in (
            (report["status"] == status, "status is %s" % report["status"]),
            (report["process"]["pid"] == variables["pid"], "another process"),
            (allocator["name"] == run.options.allocator, "allocator is %s" % allocator),
            (os.path.basename(allocator["path"] or "") == library, "allocator is %s" % allocator),
            (allocator["version"] and any(c.isdigit() for c in allocator["version"]),
             "allocator is %s" % allocator),
            (not report["process"]["notes"], "notes: %s" % report["process"]["notes"]),
            ((unwind is not None and unwind["checked"] > 0) == (run.options.unwind_check > 0),
             "stacks checked: %s" % unwind),
            (unwind is None or unwind["differed"] == 0, "stacks differ: %s" % unwind),
            (run.options.losses or report["totals"]["lost_events"] == 0, "events were lost"),
            (only_expected(report["losses"], run), "losses: %s" % report["losses"])):
        if not good:
            problems.append(text)
    return problems


def only_expected(losses, run):
    """--losses NAME: may be, NAME=N: so many a thread. Blocks from before mla may be freed."""
    expected = dict(loss.partition("=")[::2] for loss in run.options.losses)
    return (set(losses) <= set(expected) | {"unknown_free"} and
            all(losses.get(name, 0) == int(count) * run.threads
                for name, count in expected.items() if count))


def check_run(run, checker):
    try:
        variables = run.ready()
        report = run.report()
    except (RuntimeError, subprocess.SubprocessError) as error:
        return [str(error)]
    return (check_process(run, report, variables) + check_report.check_totals(report) +
            checker.check(report, variables, run.threads))


def installed(allocator):
    library = KIND[allocator]
    if library is None:
        return True
    listed = subprocess.run(["/sbin/ldconfig", "-p"], stdout=subprocess.PIPE, check=True).stdout
    return library.encode() in listed


def main():
    parser = argparse.ArgumentParser()
    for name in ("mla", "preload", "program", "allocator"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--unwind-check", type=int, default=7)
    parser.add_argument("--losses", nargs="*", default=[], help="see only_expected()")
    parser.add_argument("--sources", nargs="+", required=True)
    options = parser.parse_args()
    if not installed(options.allocator):
        print("SKIPPED: %s is not installed" % options.allocator)
        return NOT_INSTALLED
    checker = check_report.Checker(options.sources, os.path.realpath(options.program))
    failed = False
    for threads in (1, 8):
        for ending in ("exit", "wait"):
            for way in ("LD_PRELOAD", "mla run"):
                directory = tempfile.mkdtemp(prefix="mla-golden-")
                problems = check_run(Run(options, threads, ending, way, directory), checker)
                print("%s, %d threads, %s, %s: %s" % (
                    options.allocator, threads, "exit" if ending == "exit" else "SIGKILL", way,
                    "%d problems" % len(problems) if problems else "as expected"))
                for problem in list(dict.fromkeys(problems))[:MOST_PROBLEMS]:
                    print("  " + problem)
                failed |= bool(problems)
                shutil.rmtree(directory)
    print("%d call sites" % len(checker.sites))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
