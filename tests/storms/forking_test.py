#!/usr/bin/env python3
"""Forks from many threads that allocate; the children allocate and exit: nobody hangs, and every
child has a recording of its own.

Argument: short (over each allocator 20 forks), or whole (three times 1,000).
"""
import sys
import unittest

import hangs
import harness

WHOLE = False
THREADS = 16
MOST_READ = 100  # children whose recordings are read
PROGRAM = "fork_storm"


class Forking(harness.Case):
    def storm(self, allocator, forks, run, **variables):
        self.recordings = self.path("%s-%d" % (allocator, run))
        output = hangs.run(self, [harness.program(PROGRAM), str(forks), str(THREADS)],
                           self.environment(allocator, **variables), 2 * harness.TIMEOUT)
        self.assertEqual(output, b"%d of %d\n" % (forks, forks))
        # Names end with the time at which a recording began: the parent's is the first.
        files = sorted(self.files(), key=lambda path: path.rsplit("-", 1)[1])
        self.assertEqual(len(files), forks + 1)
        parent, children = self.read(files[0]), [
            self.read(path) for path in files[1::forks // MOST_READ + 1]]
        self.assertEqual(parent["process"]["fork_depth"], 0)
        for report in [parent] + children:
            self.assertEqual(report["process"]["allocator"]["name"], allocator)
            self.check_no_loss(report)
        for report in children:
            self.assertEqual(report["process"]["parent_pid"], parent["process"]["pid"])
            # Its own 1,500 allocations, and what the threads did that it has not.
            self.assertGreaterEqual(report["totals"]["alloc_count"], 1500)
            self.assertEqual(report["status_detail"], "exit code 5")
        print("%s, run %d: %d forks, each child with its recording" % (allocator, run + 1, forks),
              flush=True)

    def test_each_allocator(self):
        for allocator in harness.installed_allocators():
            with self.subTest(allocator=allocator):
                for run in range(3 if WHOLE else 1):
                    self.storm(allocator, 1000 if WHOLE else 20, run)


if __name__ == "__main__":
    WHOLE = sys.argv.pop(1) == "whole"
    unittest.main(verbosity=2)
