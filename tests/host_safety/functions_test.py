#!/usr/bin/env python3
"""The functions of the allocator are what they were: from the first call of the loader on, when
they fail, and in what they say of themselves."""
import os
import unittest

import harness

SCARCE = harness.program("libscarce.so")
ON_PTMALLOC = unittest.skipUnless(
    harness.ALLOCATOR in (None, "ptmalloc2"),
    "not run: this is about the C library; other allocators do not bear it, with mla or without")


class Functions(harness.Case):
    @ON_PTMALLOC
    def test_calls_before_anything_is_set_up(self):
        # A function that chooses another while the program is relocated, .preinit_array,
        # constructors that run before mla's, and the loader's own requests.
        for variables in ({}, {"LD_BIND_NOW": "1"}):
            with self.subTest(**variables):
                self.recordings = self.path("r%d" % len(variables))
                environments = harness.bare_environment(), self.environment()
                bare, recorded = (self.run_program([harness.program("first_calls")],
                                                   dict(e, **variables)) for e in environments)
                self.assertEqual((bare.returncode, bare.stderr), (3, b""))
                self.assert_same(bare, recorded)
                [report] = self.reports()
                self.check_counted(report, 5000)
                self.check_no_loss(report)

    @ON_PTMALLOC
    def test_layout_contents_and_figures_of_the_heap(self):
        # Address by address: an added byte, another order, or another request would show.
        result = self.same_with_and_without([harness.program("neutral")])
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"new memory is a5", result.stdout)

    def refused(self, *preloaded):
        """Runs the program behind an allocator that has no memory for some sizes."""
        preload = ":".join(preloaded)
        bare = self.run_program([harness.program("refused")],
                                dict(harness.plain_environment(), LD_PRELOAD=SCARCE))
        self.assertEqual((bare.returncode, bare.stdout), (0, b"435 refused\n"))
        recorded = self.recorded([harness.program("refused")],
                                 variables={"LD_PRELOAD": preload, "MLA_ALLOCATOR": None})
        self.assert_same(bare, recorded)
        [report] = self.reports()
        self.assertEqual(report["process"]["allocator"]["name"], os.path.basename(SCARCE))
        self.check_no_loss(report)
        return report

    def check_kept(self, report):
        if harness.SAMPLE:
            return
        live = harness.site_totals(report, "keep_what_cannot_grow", "live_count", "live_bytes",
                                   "freed_count")
        self.assertEqual(live, (50, 50 * 1000, 50))

    def test_memory_that_cannot_be_had(self):
        # A block that cannot grow is where it was, and in the recording, too.
        self.check_kept(self.refused(harness.LIB, SCARCE))

    def test_allocator_that_asks_dlsym_for_the_next_one(self):
        # In front it would see every call first: mla puts itself there.
        self.check_kept(self.refused(SCARCE, harness.LIB))


if __name__ == "__main__":
    harness.main()
