#!/usr/bin/env python3
"""Signals that come while mla is at work, and the stacks it works on."""
import re

import harness

INTERRUPTED = harness.program("interrupted")
# What a hook may take of the program's stack: that of a thread, a coroutine or a signal handler.
MOST_STACK = 2048
MOST_WITH_LIBUNWIND = 5 << 10


class Interrupted(harness.Case):
    def test_handler_that_leaves_mla_for_ever(self):
        recorded = None
        for attempt in range(5):  # how often mla is interrupted is the machine's affair
            self.recordings = self.path("recordings-%d" % attempt)
            recorded = self.same_with_and_without([INTERRUPTED, "jump"], stderr=False)
            if recorded.stderr != b"jumps 0\n":
                break
        self.assertRegex(recorded.stderr, rb"^jumps [1-9]")
        reports = sorted(self.reports(), key=lambda r: r["process"]["fork_depth"])
        self.assertEqual([r["process"]["fork_depth"] for r in reports], [0, 1])
        for report in reports:
            self.assertIsNone(report["stopped"])
            self.check_counted(report, 4000)
        if not harness.SAMPLE:
            # What was left half done is an event or two each time; nothing after it is lost.
            jumps = int(re.findall(rb"\d+", recorded.stderr)[0])
            self.assertLessEqual(reports[0]["totals"]["lost_events"], 3 * jumps)
            self.assertGreaterEqual(reports[0]["totals"]["alloc_count"], 300000 - 3 * jumps)

    def test_handler_on_a_stack_of_its_own(self):
        self.same_with_and_without([INTERRUPTED, "altstack"])
        [report] = self.reports()
        self.check_counted(report, 4000)

    def test_coroutines_with_stacks_of_16_kib(self):
        self.same_with_and_without([INTERRUPTED, "coroutines"])
        [report] = self.reports()
        self.check_counted(report, 20000)
        self.check_no_loss(report)

    def test_stack_that_a_hook_takes(self):
        bare = int(self.bare([INTERRUPTED, "depth"]).stdout)
        if harness.ALLOCATOR in (None, "ptmalloc2"):
            self.assertLess(bare, 1500)  # else what mla takes could hide in it
        for most, variables in ((MOST_STACK, {}), (MOST_STACK, {"MLA_TRIM_INTERVAL": "10ms"}),
                                (MOST_WITH_LIBUNWIND, {"MLA_UNWIND_CHECK": "101"})):
            variables = dict({"MLA_UNWIND_CHECK": None}, **variables)
            # As the helper of a shell it has no file before such a stack is in use.
            for command in ([INTERRUPTED, "depth"], ["sh", "-c", INTERRUPTED + " depth; exit 0"]):
                with self.subTest(command=command[0], **variables):
                    recorded = self.recorded(command, variables=variables)
                    self.assertLess(int(recorded.stdout) - bare, most)

    def test_stack_that_the_first_event_of_a_library_takes(self):
        self.keep_fallbacks_apart()
        command = [INTERRUPTED, "depth", harness.program("libquiet_library.so")]
        bare = int(self.bare(command).stdout)
        if harness.ALLOCATOR in (None, "ptmalloc2"):
            self.assertLess(bare, 1500)
        for variables in ({"MLA_UNWIND_CHECK": None}, {"MLA_DIR": "/proc/self/exe"}):
            with self.subTest(**variables):
                variables = dict({"MLA_UNWIND_CHECK": None}, **variables)
                for argv in (command, ["sh", "-c", " ".join(command) + "; exit 0"]):
                    taken = int(self.recorded(argv, variables=variables).stdout)
                    self.assertLess(taken - bare, MOST_STACK)


if __name__ == "__main__":
    harness.main()
