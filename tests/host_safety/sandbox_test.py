#!/usr/bin/env python3
"""A program that allows itself few system calls (seccomp) is not ended for those of mla."""
import os
import signal

import harness
import safety_page

SANDBOXED = harness.program("sandboxed")
FILTERED = harness.program("filtered")
WORK = harness.program("workload")
HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "..", "..", "docs", "safety.md")


class Sandbox(harness.Case):
    def run_sandboxed(self, *how, code):
        bare = self.bare([SANDBOXED] + list(how))
        if bare.returncode == 77:
            self.skipTest("not run: this system lets no program install a filter")
        self.assertEqual(bare.returncode, code)
        self.assert_same(bare, self.recorded([SANDBOXED] + list(how)))
        [report] = self.reports()
        self.check_counted(report, 4000)
        return report

    def check_stopped(self, report):
        self.assertEqual(report["stopped"]["reason"], "seccomp")
        self.assertEqual(report["losses"].get("reentrant", 0), 0)
        # What was before the filter is all there.
        if not harness.SAMPLE:
            self.assertGreaterEqual(report["totals"]["alloc_count"], 5000)
            self.assertLess(report["totals"]["alloc_count"], 20000)

    def test_filter_by_prctl(self):
        self.check_stopped(self.run_sandboxed("prctl", code=7))

    def test_filter_by_syscall_for_all_threads(self):
        self.check_stopped(self.run_sandboxed("syscall", code=7))

    def test_child_of_a_program_with_a_filter(self):
        self.check_stopped(self.run_sandboxed("prctl", "fork", code=7))

    def test_child_that_shares_its_memory(self):
        self.check_stopped(self.run_sandboxed("vfork", code=9))

    def test_filter_after_malloc_was_left_for_ever(self):
        if harness.ALLOCATOR not in (None, "ptmalloc2"):
            self.skipTest("not run: may leave the lock of the allocator taken")
        # In most of so many the handler comes while mla is at work.
        for i in range(30):
            command = [SANDBOXED, "left", str(3000 + 137 * i)]
            bare = self.bare(command)
            if bare.returncode == 77:
                self.skipTest("not run: this system lets no program install a filter")
            self.assert_same(bare, self.recorded(command))
            self.assertEqual(bare.returncode, 6)

    def test_filter_while_another_thread_makes_the_file(self):
        environment = self.environment()
        preload = environment.pop("LD_PRELOAD")
        for attempt in range(5):  # it may come before or after that on a busy machine
            self.recordings = environment["MLA_DIR"] = self.path("recordings-%d" % attempt)
            run = self.run_program(
                [harness.program("held_up"), "2000", "/usr/bin/env", "LD_PRELOAD=" + preload,
                 "sh", "-c", SANDBOXED + " meanwhile; exit $?"], environment)
            if run.returncode == 77:
                self.skipTest("not run: this system lets no program install such a filter")
            self.assertEqual(run.returncode, 8, run.stderr)
            reports = [r for r in self.reports() if "sandboxed" in r["process"]["exe"]]
            if reports:
                break
        self.assertEqual(reports[0]["stopped"]["reason"], "seccomp")

    def test_library_behind_mla_that_has_a_prctl_of_its_own(self):
        environment = self.environment()
        environment["LD_PRELOAD"] += ":" + harness.program("libown_prctl.so")
        self.assertIn(self.bare([SANDBOXED, "dumpable"]).stdout, (b"0\n", b"1\n", b"2\n"))
        self.assertEqual(self.run_program([SANDBOXED, "dumpable"], environment).stdout, b"4711\n")

    def test_strict_mode(self):
        if harness.ALLOCATOR not in (None, "ptmalloc2"):
            self.skipTest("not run: of the allocators, only the C library's needs no system call")
        self.check_stopped(self.run_sandboxed("strict", code=6))

    def test_question_whether_there_could_be_a_filter(self):
        report = self.run_sandboxed("ask", code=0)
        self.assertIsNone(report["stopped"])
        self.check_no_loss(report)

    # Filters that are in force before the program starts. libmla.so is given to the program alone.

    def run_filtered(self, calls, *actions, how="only", recorded=True, **variables):
        preload = self.environment(**variables).pop("LD_PRELOAD")
        environment = harness.bare_environment()
        if recorded:
            environment = self.environment(LD_PRELOAD=None, **variables)
        run = self.run_program(
            [FILTERED, how, ",".join(calls), "/usr/bin/env"] +
            (["LD_PRELOAD=" + preload] if recorded else []) + [WORK] + list(actions), environment)
        if run.returncode == 77:
            self.skipTest("not run: this system lets no program install a filter")
        return run

    def listed(self):
        with open(PAGE, encoding="utf-8") as file:
            return safety_page.listed_calls(file.read())

    def test_the_calls_that_are_listed_are_enough(self):
        actions = ["work", "work", "exit=7"]
        bare = self.bare([WORK] + actions)
        recorded = self.run_filtered(self.listed(), *actions)
        self.assertEqual((recorded.returncode, recorded.stdout), (7, bare.stdout), recorded.stderr)
        [report] = [r for r in self.reports() if "workload" in r["process"]["exe"]]
        self.assertIsNone(report["stopped"])
        self.check_no_loss(report)
        self.check_counted(report, 4000)

    def test_mincore_is_not_called_under_a_filter(self):
        # systemd's @system-service does not have it.
        for mode in ({}, {"MLA_SAMPLE": "8192"}):
            with self.subTest(mode=mode):
                self.recordings = self.path("recordings-%d" % len(mode))
                run = self.run_filtered(self.listed() - {"mincore", "pipe2"}, "work", "work",
                                        "exit=7", MLA_UNWIND_CHECK=None, **mode)
                self.assertEqual(run.returncode, 7, run.stderr)
                [report] = [r for r in self.reports() if "workload" in r["process"]["exe"]]
                self.check_no_loss(report)

    def test_each_call_refused(self):
        self.keep_fallbacks_apart()
        survived = []
        for call in sorted(self.listed() - {"execve", "exit_group"}):
            with self.subTest(call=call):
                self.recordings = self.path("recordings-" + call)
                arguments = [call], "work", "work", "exit=7"
                bare = self.run_filtered(*arguments, how="without", recorded=False)
                if bare.returncode != 7:
                    continue  # the program itself cannot do without
                survived.append(call)
                # Other allocators complain, and mla that it cannot look for them.
                self.assert_same(bare, self.run_filtered(*arguments, how="without"),
                                 stderr=harness.ALLOCATOR in (None, "ptmalloc2"))
                for report in self.reports():
                    if "workload" in report["process"]["exe"] and report["stopped"] is None:
                        self.check_counted(report, 1000)
        self.assertGreater(len(survived), 25)

    def test_without_one_of_them_the_kernel_ends_the_program(self):
        run = self.run_filtered(self.listed() - {"statfs", "uname"}, "work", "exit=7")
        self.assertEqual(run.returncode, -signal.SIGSYS)


if __name__ == "__main__":
    harness.main()
