#!/usr/bin/env python3
"""Sampled figures against the truth: a program that journals its own live bytes per call site is
recorded again and again; the estimates have no bias, and their intervals cover as they claim.

Argument: short (few runs; bounds that a right estimator practically never misses), or whole (200
runs at each of two intervals; the 95 % intervals of the sites cover 93 to 97 %).
"""
import math
import re
import subprocess
import sys
import unittest

import harness

WHOLE = False
PROGRAM = "mixed_sizes"
Z95 = 1.959964
FIELDS = ("live_bytes", "alloc_bytes")


def binomial_tail(n, p, k):
    """P(X <= k) of a binomial distribution."""
    return sum(math.exp(math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) +
                        i * math.log(p) + (n - i) * math.log(1 - p)) for i in range(k + 1))


def is_possible(covered, n, low, high, chance):
    """Whether so many of n intervals may be right if each is with a probability in low..high."""
    return (binomial_tail(n, low, covered) > chance and
            binomial_tail(n, 1 - high, n - covered) > chance)


class Estimates:
    """What the runs said of one figure. The truth does not differ between them."""

    def __init__(self):
        self.values = []
        self.errors = []

    def covered(self, truth):
        return sum(abs(value - truth) <= Z95 * error
                   for value, error in zip(self.values, self.errors))

    def bias(self, truth):
        """Relative bias and its own standard error, from the spread of the runs."""
        n = len(self.values)
        mean = sum(self.values) / n
        spread = math.sqrt(sum((v - mean) ** 2 for v in self.values) / (n - 1))
        return (mean - truth) / truth, spread / math.sqrt(n) / truth


class Sampling(harness.Case):
    def run_recorded(self, mib, settings):
        """(truth, report figures): key -> value, key -> (value, standard error). The keys are
        (site or "all", field)."""
        self.recordings = self.path("recordings")
        variables = dict(settings, MLA_UNWIND_CHECK=None)
        done = self.recorded([harness.program(PROGRAM), str(mib)], variables=variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        report = self.report_of_program(PROGRAM)
        self.check_no_loss(report)
        for path in self.files():
            subprocess.run(["rm", path], check=True)
        return self.read_truth(done.stdout.decode("ascii")), self.read_estimates(report)

    def read_truth(self, text):
        truth = {}
        for line in text.splitlines():
            site, _, alloc_bytes, _, live_bytes = (int(word) for word in line.split())
            truth[site, "live_bytes"] = live_bytes
            truth[site, "alloc_bytes"] = alloc_bytes
        for field in FIELDS:
            truth["all", field] = sum(v for (_, f), v in truth.items() if f == field)
        return truth

    def read_estimates(self, report):
        """Of the journal's sites. The C++ library's own few KiB are left out, also of the sum."""
        sums = {}
        for site in report["sites"]:
            number = next((int(found.group(1)) for found in (
                re.search(r"\ballocate_at<(\d+)>", frame["function"] or "")
                for frame in site["stack"]) if found), None)
            if number is None or site["kind"] != "heap":
                continue
            for field, error in zip(FIELDS, ("estimate_se", "alloc_bytes_se")):
                for key in (number, field), ("all", field):
                    value, variance = sums.get(key, (0, 0))
                    sums[key] = value + site[field], variance + (site[error] or 0) ** 2
        return {key: (value, math.sqrt(variance)) for key, (value, variance) in sums.items()}

    def test_exact_mode_is_the_journal(self):
        truth, figures = self.run_recorded(200, {})
        self.assertEqual({key: value for key, (value, _) in figures.items()}, truth)

    def check_estimates(self, settings, mib, runs, most_sigmas, with_intervals=True):
        estimates = {}
        for _ in range(runs):
            truth, figures = self.run_recorded(mib, settings)
            for key in truth:
                value, error = figures.get(key, (0, 0))
                of_key = estimates.setdefault(key, Estimates())
                of_key.values.append(value)
                of_key.errors.append(error)
        print("\n%s, %d runs\n%-16s %12s %18s %10s %10s" % (
            settings, runs, "site", "truth, MiB", "bias, %", "error, %", "covered, %"))
        for key in sorted(truth, key=str):
            bias, error = estimates[key].bias(truth[key])
            print("%-16s %12.2f %+9.2f +- %5.2f %10.1f %10.1f" % (
                "%s %s" % key, truth[key] / 2**20, 100 * bias, 100 * error,
                100 * estimates[key].errors[0] / truth[key],
                100 * estimates[key].covered(truth[key]) / runs))
            # Every site is more than 1 % of the live bytes.
            self.assertGreater(truth[key], 0.01 * truth["all", key[1]])
            self.assertLessEqual(abs(bias), most_sigmas * error, key)
        for field in FIELDS:
            of_sites = [key for key in truth if key[0] != "all" and key[1] == field]
            for what, keys in (("sites", of_sites), ("all", [("all", field)])):
                covered = sum(estimates[key].covered(truth[key]) for key in keys)
                n = runs * len(keys)
                print("%s %s: %d of %d intervals cover, %.1f %%" % (
                    field, what, covered, n, 100 * covered / n))
                if not with_intervals:
                    continue
                # So few intervals as those of the sum decide little: chance alone may not explain
                # what they say.
                if WHOLE and what == "sites":
                    self.assertTrue(0.93 <= covered / n <= 0.97, (field, covered, n))
                self.assertTrue(is_possible(covered, n, 0.93, 0.97, 1e-9), (field, covered, n))

    def test_finely_sampled(self):
        if WHOLE:
            self.check_estimates({"MLA_SAMPLE": "64K"}, 1200, 200, 4.5)
        else:
            # With so few runs their spread is itself uncertain: a t distribution of 9 degrees.
            self.check_estimates({"MLA_SAMPLE": "64K"}, 400, 10, 12)

    def test_coarsely_sampled(self):
        if not WHOLE:
            self.skipTest("only in the whole form")
        self.check_estimates({"MLA_SAMPLE": "512K"}, 3000, 200, 4.5)

    def test_with_a_budget(self):
        """The interval changes up to twenty times a second, and gets so coarse that a site has a
        handful of samples: too few for an interval of two standard errors, but not for no bias."""
        if not WHOLE:
            self.skipTest("only in the whole form")
        self.check_estimates({"MLA_BUDGET": "0.2%"}, 1500, 200, 4.5, with_intervals=False)


if __name__ == "__main__":
    WHOLE = sys.argv.pop(1) == "whole"
    unittest.main(verbosity=2)
