#!/usr/bin/env python3
"""Sixty-four threads that free each other's blocks, end, and are followed by others: what is
recorded of every call site is what the program's own journal says, and no event is lost uncounted.
mla's memory is bounded by the heap's, and printed.

Argument: short (5 seconds), or whole (60).
"""
import re
import sys
import unittest

import harness

WHOLE = False
THREADS = 64
PROGRAM = "churn_journal"
FIELDS = ("alloc_count", "alloc_bytes", "freed_count", "freed_bytes")
MIB = 1 << 20


class ManyThreads(harness.Case):
    def run_program_for(self, seconds, environment):
        """What the program printed: site -> counts, threads it started, its peak RSS."""
        done = self.run_program([harness.program(PROGRAM), str(THREADS), str(seconds)], environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        journal, figures = {}, {}
        for line in done.stdout.decode("ascii").splitlines():
            words = line.split()
            if words[0] == "site":
                journal[int(words[1])] = [int(word) for word in words[2:]]
            else:
                figures[words[0]] = int(words[1])
        return journal, figures

    def recorded_sites(self, report):
        recorded = {}
        for site in report["sites"]:
            found = [re.search(r"\ballocate_at<(\d+)>", frame["function"] or "")
                     for frame in site["stack"]]
            found = [match for match in found if match]
            if found and site["kind"] == "heap":
                counts = recorded.setdefault(int(found[0].group(1)), [0] * 4)
                for i, field in enumerate(FIELDS):
                    counts[i] += site[field]
        return recorded

    def check(self, seconds, allocator=None):
        self.recordings = self.path("recordings-%s" % allocator)
        _, bare = self.run_program_for(seconds, harness.plain_environment())
        journal, figures = self.run_program_for(seconds, self.environment(
            allocator, MLA_UNWIND_CHECK="10007"))
        report = self.report_of_program(PROGRAM)
        recorded = self.recorded_sites(report)
        totals = report["totals"]
        print("\n%s: %d threads in %d s, %.1f million blocks; live %.1f MiB, mla's own %.1f MiB "
              "(%.0f %% of live), peak RSS %.1f MiB, %.1f without mla; losses %s" % (
                  report["process"]["allocator"]["name"], figures["threads"], seconds,
                  totals["alloc_count"] / 1e6, totals["live_bytes"] / MIB,
                  totals["own_bytes"] / MIB, 100 * totals["own_bytes"] / totals["live_bytes"],
                  figures["maxrss"] / MIB, bare["maxrss"] / MIB,
                  report["losses"]))
        lost = totals["lost_events"] + report["losses"].get("missed_free", 0)
        for site, counts in journal.items():
            if lost == 0:
                self.assertEqual(recorded.get(site), counts, "site %d" % site)
        differences = sum(abs(counts[i] - recorded[site][i])
                          for site, counts in journal.items() for i in (0, 2))
        self.assertLessEqual(differences, lost)
        self.assertEqual(lost, 0, report["losses"])
        self.assertGreater(totals["alloc_count"], 100 * THREADS)
        self.assertGreater(figures["threads"], THREADS)
        # 8 bytes for every 32 (ptmalloc2) or 16 that the heap has ever touched, which is more than
        # what is resident of it and up to three times what is alive; about 110 KiB a thread.
        share = 0.25 if allocator is None else 0.5
        heap = figures["maxrss"] - totals["own_bytes"]
        self.assertLessEqual(totals["own_bytes"], 13 * MIB + 1.4 * share * heap)

    def test_on_ptmalloc(self):
        self.check(60 if WHOLE else 5)

    def test_on_other_allocators(self):
        if not WHOLE:
            self.skipTest("only in the whole form")
        for allocator in harness.installed_allocators():
            if allocator != "ptmalloc2":
                with self.subTest(allocator=allocator):
                    self.check(10, allocator)


if __name__ == "__main__":
    WHOLE = sys.argv.pop(1) == "whole"
    unittest.main(verbosity=2)
