#!/usr/bin/env python3
"""Threads allocate while others load and unload libraries and signals come in between: no
deadlock, and every stack that is compared with libunwind's is the same.

Argument: short (a few seconds, ptmalloc2), or whole (2 minutes, then the other allocators).
"""
import glob
import sys
import unittest

import hangs
import harness

WHOLE = False
PROGRAM = "loading_storm"
PLUGINS = sorted(glob.glob(harness.program("storm_plugins/*.so")))


class Loading(harness.Case):
    def storm(self, seconds, allocator, **variables):
        self.recordings = self.path("recordings-" + allocator)
        environment = self.environment(allocator, **dict({"MLA_UNWIND_CHECK": "31"}, **variables))
        output = hangs.run(self, [harness.program(PROGRAM), str(seconds)] + PLUGINS, environment,
                           seconds + harness.TIMEOUT)
        loaded, handled, in_handler = [int(word) for word in output.split()]
        report = self.report_of_program(PROGRAM)
        check = report["unwind_check"] or {"checked": 0, "differed": 0}
        print("%s, %d s: %d libraries loaded, %d signals, %d allocations in handlers; %.1f million "
              "allocations, %d stacks as libunwind's, %d not; losses %s" % (
                  allocator, seconds, loaded, handled, in_handler,
                  report["totals"]["alloc_count"] / 1e6, check["checked"], check["differed"],
                  {k: v for k, v in report["losses"].items() if v}), flush=True)
        self.assertEqual(report["process"]["allocator"]["name"], allocator)
        self.assertEqual(report["status"], "exited")
        self.assertGreater(loaded, 20)
        self.assertGreater(handled, 20)
        self.assertGreater(in_handler, 0)
        # Made by libraries that are no longer loaded, and named all the same.
        self.assertGreater(harness.site_totals(report, "plugin_allocate", "alloc_count")[0], 0)
        return report, check

    def test_exact(self):
        self.assertEqual(len(PLUGINS), 50)
        report, check = self.storm(120 if WHOLE else 3, "ptmalloc2")
        self.assertGreater(check["checked"], 1000)
        # A handler that interrupted mla itself is not recorded: the one loss there may be.
        self.assertLess(report["totals"]["lost_events"], report["totals"]["alloc_count"] / 1000)

    def test_sampled(self):
        self.storm(20 if WHOLE else 2, "ptmalloc2", MLA_SAMPLE="4096")

    def test_other_allocators(self):
        if not WHOLE:
            self.skipTest("of the whole extent")
        for allocator in harness.installed_allocators()[1:]:
            with self.subTest(allocator=allocator):
                self.storm(20, allocator)


if __name__ == "__main__":
    WHOLE = sys.argv.pop(1) == "whole"
    unittest.main(verbosity=2)
