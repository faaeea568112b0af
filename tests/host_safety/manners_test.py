#!/usr/bin/env python3
"""What a program may rely on in its own process stays as it is: errno, floating point, small
stacks, signals, loading of libraries, standard streams, and the way it ends."""
import os
import signal
import subprocess

import harness

MANNERS = harness.program("manners")
WORK = harness.program("workload")
PLUGIN = harness.program("libplugin.so")


class Manners(harness.Case):
    def check(self, what, *arguments, least=1000, allocators=None):
        for allocator in allocators or harness.installed_allocators():
            with self.subTest(allocator=allocator):
                self.recordings = self.path(allocator + what)
                command = [MANNERS, what] + list(arguments)
                # Each allocator has manners of its own: compared with it alone.
                bare = self.run_program(command, harness.bare_environment(allocator))
                self.assert_same(bare, self.recorded(command, allocator))
                [report] = self.reports()
                self.assertEqual(report["process"]["allocator"]["name"], allocator)
                self.check_counted(report, least)
                self.assertEqual(report["status"], "exited")
                if allocator == "ptmalloc2" and what != "late":
                    self.assertEqual((bare.returncode, bare.stderr), (0, b""))
                last = report
        return last

    def test_errno(self):
        self.check("errno", least=150000)

    def test_floating_point_state(self):
        self.check("float")

    def test_stacks_of_16_kib(self):
        # jemalloc and mimalloc themselves fit; asserted for the C library's and mla's sake.
        self.check("small-stacks", allocators=["ptmalloc2"])

    def test_sizes_and_failures_as_documented(self):
        self.check("usable", least=20)

    def test_allocations_while_the_process_ends(self):
        report = self.check("late", least=20000)
        self.assertEqual(report["totals"]["lost_events"], 0)

    def test_signal_handlers(self):
        report = self.check("handler", allocators=["ptmalloc2"])
        self.check_no_loss(report)

    def test_64_threads_while_libraries_come_and_go(self):
        report = self.check("dlopen", PLUGIN, least=6000)
        self.check_no_loss(report)
        plugin = [m for m in report["modules"] if m["path"].endswith("libplugin.so")]
        self.assertGreater(len(plugin), 0)
        # Names are found for a library that is no longer loaded.
        self.assertGreater(harness.site_totals(report, "plugin_allocate", "alloc_count")[0], 500)

    def test_thread_ids_that_come_again(self):
        if self.bare([MANNERS, "same-id"]).returncode == 77:
            self.skipTest("not run: needs root to choose thread ids")
        report = self.check("same-id", least=8000, allocators=["ptmalloc2"])
        self.check_no_loss(report)
        if not harness.SAMPLE:
            # 50 threads, or some more; half of them have three destructors as well.
            count, live = harness.site_totals(report, "allocate_in_thread", "alloc_count",
                                              "live_count")
            self.assertGreaterEqual(count, 12500)
            self.assertEqual((count % 100, live), (0, 0))

    def test_exit_code_and_signal(self):
        for action, status in (("exit=0", "exited"), ("exit=77", "exited"), ("_exit=78", "exited"),
                               ("quick-exit=79", "exited"), ("abort", "killed"),
                               ("kill=%d" % signal.SIGSEGV, "killed"),
                               ("kill=%d" % signal.SIGTERM, "killed")):
            with self.subTest(action=action):
                self.recordings = self.path("d" + action)
                self.same_with_and_without([WORK, "work", action])
                [report] = self.reports()
                self.assertEqual(report["status"], status)
                if action.startswith("_exit"):
                    self.assertEqual(report["status_detail"], "exit code 78")

    def test_closed_standard_streams(self):
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed=closed):
                out = self.path("out")
                command = ["sh", "-c", "exec %s work status work exit=3 %s" % (WORK, closed)]
                self.same_with_and_without(command)
                self.assertFalse(os.path.exists(out))
        # A missing allocator is said on a closed stream: to nobody, and into no file.
        target = self.path("target")
        script = "exec 2>&-; exec %s work >%s" % (WORK, target)
        self.bare(["sh", "-c", script])
        with open(target, "rb") as file:
            expected = file.read()
        self.recorded(["sh", "-c", script], "no-such-allocator")
        with open(target, "rb") as file:
            self.assertEqual(file.read(), expected)

    def test_broken_pipe(self):
        for environment in (harness.plain_environment(), self.environment()):
            process = self.start([WORK] + ["work"] * 3, environment, stdout=subprocess.PIPE)
            process.stdout.close()
            self.assertEqual(process.wait(timeout=harness.TIMEOUT), -signal.SIGPIPE)

    def test_a_broken_rule_would_be_seen(self):
        """The program notices a library that does not keep them."""
        source = self.path("rude.c")
        with open(source, "w") as file:
            file.write("#include <errno.h>\n#include <stdlib.h>\n"
                       "void* __libc_malloc(size_t);\n"
                       "void* malloc(size_t n) { void* p = __libc_malloc(n); errno = 1; "
                       "volatile double x = 1, y = 0; x = x / y; return p; }\n")
        library = self.path("rude.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-fno-builtin", "-o", library, source],
                       check=True)
        for what in ("errno", "float"):
            result = self.run_program([MANNERS, what],
                                      dict(harness.plain_environment(), LD_PRELOAD=library))
            self.assertEqual(result.returncode, 1, what)


if __name__ == "__main__":
    harness.main()
