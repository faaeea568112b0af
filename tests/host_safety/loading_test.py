#!/usr/bin/env python3
"""Libraries are loaded, bound and unloaded as without mla, and the program has its own unwinder."""
import os
import shutil

import harness

LOADING = harness.program("loading")
GUEST = harness.program("libguest.so")


class Loading(harness.Case):
    def check(self, what, library="", **variables):
        environments = harness.bare_environment(), self.environment(**variables)
        bare, recorded = (self.run_program([LOADING, what, library],
                                           dict(environment, INNER_GUEST=GUEST))
                          for environment in environments)
        self.assertEqual((bare.returncode, bare.stderr), (0, b""))
        self.assert_same(bare, recorded)
        [report] = self.reports()
        self.check_counted(report, 10000)
        self.assertIsNone(report["stopped"])
        return recorded.stdout.decode(), report

    def test_library_that_binds_past_preloaded_ones(self):
        if harness.ALLOCATOR not in (None, "ptmalloc2"):
            self.skipTest("not run: other allocators do not bear it, with mla or without")
        _, report = self.check("deepbind", GUEST)
        # Of its frees mla hears when their memory is given out again, and says so.
        self.assertEqual(set(report["losses"]) - {"missed_free", "unknown_free"}, set())

    def test_library_in_a_name_space_of_its_own(self):
        _, report = self.check("namespace", GUEST)
        self.check_no_loss(report)

    def test_library_that_loads_another_in_its_constructor(self):
        _, report = self.check("nested", harness.program("libnested_guest.so"))
        self.check_no_loss(report)

    def test_library_loaded_by_a_relative_path(self):
        """It is known by its whole path: the working directory may be another one later."""
        os.mkdir(self.path("lib"))
        shutil.copy(harness.program("libnested_guest.so"), self.path("lib/guest.so"))
        _, report = self.check("nested", "lib/guest.so")
        paths = [module["path"] for module in report["modules"]]
        self.assertEqual([path for path in paths if not path.startswith(("/", "linux-"))], [])
        if not harness.SAMPLE:  # else nothing of it may have been recorded
            self.assertIn(os.path.realpath(self.path("lib/guest.so")), paths)

    def test_threads_that_a_constructor_starts(self):
        for i in range(40):
            self.recordings = self.path("recordings-%d" % i)
            run = self.recorded([harness.program("busy_program")])
            self.assertEqual((run.returncode, run.stderr), (0, b""))
            [report] = self.reports()  # one: made by one of the threads
            if not harness.SAMPLE:  # else there may be none
                self.check_counted(report, 1000)

    def test_file_that_is_long_in_the_making(self):
        """By one thread, while four others allocate."""
        environment = self.environment()
        preload = environment.pop("LD_PRELOAD")
        run = self.run_program(
            [harness.program("held_up"), "2000", "/usr/bin/env", "LD_PRELOAD=" + preload,
             harness.program("busy_program"), "3000"], environment)
        if run.returncode == 77:
            self.skipTest("not run: this system holds up no system call (seccomp notifications)")
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        [report] = self.reports()
        self.assertIsNone(report["stopped"])
        self.check_counted(report, 100000)  # before the file was made: a few thousand

    def test_static_tls_that_is_left(self):
        for number in range(64):
            shutil.copy(harness.program("libtls_guest.so"), self.path("%d.so" % number))
        for unwind in (None, "libunwind"):
            self.recordings = self.path("recordings-%s" % unwind)
            said, _ = self.check("tls", self.directory, MLA_UNWIND=unwind)
            self.assertIn("loaded, then: no room", said)

    def test_unwinder_of_the_program(self):
        for unwind in (None, "libunwind"):
            self.recordings = self.path("recordings-%s" % unwind)
            said, report = self.check("unwinder", MLA_UNWIND=unwind)
            self.assertIn("_Unwind_Backtrace: libgcc_s.so.1", said)
            self.assertIn("caught 50", said)
            self.check_no_loss(report)


if __name__ == "__main__":
    harness.main()
