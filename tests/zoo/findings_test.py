#!/usr/bin/env python3
"""tools/zoo finds what it is there to find. Arguments: tools' directory, mla, libmla.so."""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, sys.argv[1])
MLA, PRELOAD = sys.argv[2:4]

from zoo_lib import configurations, processes, program, recordings  # noqa: E402
from zoo_lib import rounds, tables  # noqa: E402

PTMALLOC2 = configurations.Configuration("ptmalloc2", "exact", None)


class Shell(program.Program):
    """A program of the zoo that is one script of the shell."""
    name = "shell"

    def __init__(self, script, **attributes):
        super().__init__()
        self.script = script
        for name, value in attributes.items():
            setattr(self, name, value)

    def run(self, run):
        run.run(["bash", "-c", self.script])


class Findings(unittest.TestCase):
    def setUp(self):
        processes.GRACE = 0.5
        processes.adopt_orphans()
        self.directory = tempfile.mkdtemp(prefix="mla-zoo-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.keep = os.path.join(self.directory, "keep")
        os.mkdir(self.keep)

    def row(self, script, under=(PTMALLOC2,), timeout=120, **attributes):
        zoo = rounds.Zoo(MLA, PRELOAD, self.directory, self.keep, timeout)
        return zoo.row(Shell(script, **attributes), under)

    def cell(self, *arguments, **attributes):
        return self.row(*arguments, **attributes).cells[PTMALLOC2.name]

    def test_a_program_that_is_the_same(self):
        cell = self.cell("echo a; echo b >&2; exit 3", expects=("bash",))
        self.assertEqual((cell.verdict, cell.findings), (rounds.EQUAL, []))
        self.assertGreater(cell.summary.allocations, 0)

    def test_another_output_and_another_exit_code(self):
        for script in ("echo ${LD_PRELOAD:+preloaded}", "exit ${LD_PRELOAD:+3}",
                       "echo ${LD_PRELOAD:+preloaded} >&2"):
            with self.subTest(script=script):
                self.assertEqual(self.cell(script).verdict, "differs")

    def test_a_hang_and_its_stacks(self):
        cell = self.cell("test -z \"$LD_PRELOAD\" || exec sleep 1000", timeout=4)
        self.assertEqual(cell.verdict, "hangs")
        with open(os.path.join(self.keep, "shell-ptmalloc2-exact-stacks.txt"),
                  encoding="utf-8") as file:
            self.assertIn("sleep 1000", file.read())
        self.assertEqual(processes.descendants(), [])

    def test_what_is_left_running(self):
        cell = self.cell("test -z \"$LD_PRELOAD\" || setsid sleep 1000 & exit 0")
        self.assertEqual(cell.verdict, "hangs")
        self.assertIn("left running", cell.findings[0])
        self.assertEqual(processes.descendants(), [])

    def test_a_program_that_differs_from_itself(self):
        row = self.row("date +%N")
        self.assertIn("differs from itself", row.problem)
        self.assertEqual(row.cells, {})

    def test_a_recording_that_is_not_complete(self):
        self.assertIn("status is killed", self.cell("kill -9 $$").findings[0])
        # Of what others start that may be, of what the zoo starts it may not.
        self.assertIn("status is killed",
                      self.cell("kill -9 $$", killed=("bash",)).findings[0])
        child = ("exec 2>/dev/null; (for i in {1..3000}; do a+=(x$i); done; kill -9 $BASHPID); "
                 "exit 0")
        self.assertIn("status is killed", self.cell(child).findings[0])
        self.assertEqual(self.cell(child, killed=("bash",)).findings, [])

    def test_a_recording_that_is_missing(self):
        cell = self.cell("unset LD_PRELOAD; exec env true", expects=("env",), replaced=("bash",))
        self.assertEqual(cell.findings, ["no recording of env"])

    def test_differences_and_events_of_another_allocator(self):
        there = configurations.all_configurations(["jemalloc"], ["exact"])[0]
        if not there:
            self.skipTest("not run: needs libjemalloc.so.2 (package libjemalloc2)")
        name = there[0].name
        row = self.row("grep -q jemalloc /proc/$$/maps; echo $?", [PTMALLOC2] + there)
        self.assertEqual([row.cells[n].verdict for n in (PTMALLOC2.name, name)],
                         [rounds.EQUAL, rounds.OWN])
        more = "for i in {1..3000}; do a+=(x$i); done"
        row = self.row("test -z \"$MLA_ALLOCATOR\" || " + more, [PTMALLOC2] + there,
                       repeatable=True)
        self.assertEqual([row.cells[n].verdict for n in (PTMALLOC2.name, name)],
                         [rounds.EQUAL, "uncounted"])

    def test_events_of_every_allocator(self):
        more = "for i in {1..3000}; do a+=(x$i); done"
        for without, verdict in (("", rounds.EQUAL), ("test -z \"$MLA_DIR\" || ", "uncounted"),
                                 ("test -n \"$MLA_DIR\" || ", "uncounted")):
            with self.subTest(without=without):
                row = self.row(without + more, repeatable=True)
                self.assertEqual(row.cells[PTMALLOC2.name].verdict, verdict)
                self.assertEqual((row.counted, row.not_compared), (1, []))

    def test_what_was_not_compared_is_said(self):
        row = self.row("echo ${LD_PRELOAD:+preloaded}", repeatable=True)
        self.assertIn("other findings", row.not_compared[0])
        row = self.row("echo ${ZOO_COUNT:+counted}", repeatable=True)
        self.assertEqual((row.counted, row.findings()), (0, []))
        self.assertIn("allocations of shell, ptmalloc2, exact: it does something else",
                      tables.not_compared([row])[0])
        self.assertIn("allocations of shell: not as many in every run",
                      tables.not_compared([self.row("true")])[0])


def report(**changes):
    """Of a process in which all is well, but for these of its totals or, if there, its own."""
    figures = ("live_bytes", "live_count", "alloc_bytes", "alloc_count", "freed_bytes",
               "freed_count")
    result = {
        "damage": [], "losses": {}, "stopped": None, "status": "exited",
        "process": {"exe": "/usr/bin/bash", "pid": 7, "allocator": {"name": "ptmalloc2"}},
        "sampling": {"mode": "exact"},
        "unwind_check": {"checked": 90, "differed": 0, "first": None},
        "totals": dict({name: 1000 for name in figures}, peak_live_bytes=1000, lost_events=0),
        "sites": [dict({name: 1000 for name in figures}, kind="heap")]}
    for name, value in changes.items():
        (result if name in result else result["totals"])[name] = value
    return result


class Recordings(unittest.TestCase):
    def wrong(self, document, **attributes):
        summary, shell = recordings.Summary(), Shell("", **attributes)
        recordings.add(summary, "7.mla", document, PTMALLOC2, shell, {7})
        return summary.wrong + list(recordings.check_whole(summary, PTMALLOC2, shell))

    def test_lost_events(self):
        self.assertEqual(self.wrong(report(lost_events=1)), [])
        self.assertIn("2 events lost beside 1000", self.wrong(report(lost_events=2))[0])
        self.assertIn("events lost", self.wrong(report(lost_events=10**9))[0])

    def test_stacks_that_were_not_compared(self):
        nothing = {"checked": 0, "differed": 0, "first": None}
        for check in (None, nothing):
            self.assertIn("no stack of 1000 allocations was compared",
                          self.wrong(report(unwind_check=check))[0])
        # Of so few that there may be none.
        self.assertEqual(self.wrong(report(unwind_check=None), unwind_check=101), [])

    def test_stacks_that_differ(self):
        self.assertIn("1 of 90 stacks differ", self.wrong(report(
            unwind_check={"checked": 90, "differed": 1, "first": None}))[0])

    def test_how_it_ended(self):
        self.assertIn("status is killed", self.wrong(report(status="killed"), killed=("bash",))[0])
        self.assertEqual(self.wrong(report(status="killed"), replaced=("bash",)), [])
        other = {"exe": "/usr/bin/bash", "pid": 8, "allocator": {"name": "ptmalloc2"}}
        self.assertEqual(self.wrong(report(status="killed", process=other), killed=("bash",)), [])
        self.assertIn("status is killed", self.wrong(report(status="killed", process=other),
                                                     replaced=("bash",))[0])


if __name__ == "__main__":
    del sys.argv[1:4]
    unittest.main(verbosity=2)
