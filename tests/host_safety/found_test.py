#!/usr/bin/env python3
"""What a review found libmla.so to break or to misreport stays mended."""
import os

import harness

FOUND = harness.program("found")


class Found(harness.Case):
    def record(self, what, allocator="ptmalloc2", **options):
        self.recordings = self.path(allocator + what)
        done = self.recorded([FOUND, what], allocator, **options)
        self.assertEqual((done.returncode, done.stderr), (0, b""), done)
        return done

    def test_operators_that_build_on_replaced_ones(self):
        # Other allocators' own forms pass by such a program's operators, with mla and without.
        self.assertEqual(self.record("operators").stdout, b"ok\n")

    def test_two_threads_of_a_forked_child_at_once(self):
        self.assertEqual(self.record("threads").stdout, b"0 children died\n")

    def test_what_a_child_inherits_is_what_was_alive_at_the_fork(self):
        self.record("inherited")
        [child] = [r for r in self.reports() if r["process"]["fork_depth"] == 1]
        sites = child["sites"]
        self.assertEqual(sum(s["inherited_count"] for s in sites
                             if s["inherited_bytes"] == 100_000 * s["inherited_count"] != 0), 100)
        self.assertEqual(sum(s["inherited_freed_bytes"] for s in sites), 5_000_000)

    def test_children_of_a_program_that_overwrites_its_environment(self):
        self.record("titled")
        depths = sorted(r["process"]["fork_depth"] for r in self.reports())
        self.assertEqual(depths, [0, 1])
        self.assertFalse([f for f in os.listdir("/") if f.startswith("mla-found-")])

    def test_handlers_that_interrupt_fork(self):
        # A trim there waits for locks that this very thread holds.
        self.record("profiled-forks", variables={"MLA_TRIM_INTERVAL": "10ms"})

    def test_sizes_that_cannot_be_had_are_no_distance_to_the_next_sample(self):
        self.record("refused", variables={"MLA_SAMPLE": "64K"})
        [report] = self.reports()
        # 1,024 samples on average, so within 20 % for sure.
        self.assertAlmostEqual(report["totals"]["live_bytes"] / (64 << 20), 1, delta=0.2)


if __name__ == "__main__":
    harness.main()
