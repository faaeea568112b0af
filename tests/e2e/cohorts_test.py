#!/usr/bin/env python3
"""The verdict of call sites by their cohorts: one leaks among healthy ones, over every allocator,
exact and sampled, after kill -9, in a forked child, and in a run of a third of a second."""
import json
import os
import subprocess
import sys
import unittest

import harness


def functions(site):
    return [frame["function"] for frame in site["stack"]]


class Cohorts(harness.Case):
    def record(self, *arguments, **settings):
        """The recordings of a run, in order of their start."""
        environment = harness.plain_environment()
        environment.update(MLA_DIR=self.recordings, LD_PRELOAD=harness.LIB)
        environment.update(settings)
        os.makedirs(self.recordings, exist_ok=True)
        subprocess.run([harness.program("site_lives")] + list(arguments), env=environment,
                       timeout=harness.TIMEOUT)
        files = [os.path.join(self.recordings, name) for name in os.listdir(self.recordings)]
        return sorted(files, key=os.path.getmtime)

    def leaks(self, recording):
        """Call sites whose blocks stay. In runs as short as these the process is no leak by its
        sites alone, and they are called growing."""
        done = subprocess.run([harness.BIN, "leaks", "--json", recording],
                              stdout=subprocess.PIPE, universal_newlines=True,
                              timeout=harness.TIMEOUT)
        sites = json.loads(done.stdout)["sites"]
        return [site for site in sites if site["verdict"] == "leak" or
                site["reason"] == "blocks stay, but so they do in a job that is not done yet"]

    def assert_found(self, recording):
        found = self.leaks(recording)
        self.assertEqual([functions(site)[0] for site in found], ["leak_one"])
        site = found[0]
        self.assertEqual(site["freed_ratio"], 0)
        live = sum(cohort["live"] for cohort in site["cohorts"])
        # Of the last census, which was taken up to a twelfth of the run before the end.
        self.assertLessEqual(live, site["live_count"] + 1)
        self.assertGreater(live, 0.75 * site["live_count"])
        for one, after in zip(site["cohorts"], site["cohorts"][1:]):
            self.assertEqual(one["to_s"], after["from_s"])
            self.assertLessEqual(one["from_s"], one["to_s"])
        rate = site["rate_bytes_per_hour"]["value"]
        hours = site["cohorts"][-1]["to_s"] / 3600
        self.assertAlmostEqual(rate * hours / site["live_bytes"], 1, delta=0.5)
        return site

    def test_every_allocator(self):
        for name in harness.installed_allocators():
            with self.subTest(allocator=name):
                recording = self.record("1", "100", "exit", MLA_ALLOCATOR=name)[-1]
                self.assert_found(recording)

    def test_a_third_of_a_second(self):
        self.assert_found(self.record("0.33", "0", "exit")[-1])

    def test_sampled(self):
        found = self.leaks(self.record("2", "0", "exit", MLA_SAMPLE="16K")[-1])
        self.assertEqual([functions(site)[0] for site in found], ["leak_one"])

    def test_after_kill_9(self):
        self.assert_found(self.record("1", "100", "kill")[-1])

    def test_forked_child(self):
        recordings = self.record("1", "100", "fork")
        self.assertEqual(len(recordings), 2)
        for recording in recordings:
            found = self.leaks(recording)
            self.assertEqual([functions(site)[0] for site in found], ["leak_one"])
        # The child's cohorts begin with the child: what it inherited is in none.
        child = [r for r in recordings if self.fork_depth(r) == 1]
        self.assertEqual(len(child), 1)
        site = self.leaks(child[0])[0]
        self.assertLessEqual(sum(c["live"] for c in site["cohorts"]), site["live_count"] + 1)

    def fork_depth(self, recording):
        report = subprocess.run([harness.BIN, "report", "--json", recording], check=True,
                                stdout=subprocess.PIPE, universal_newlines=True)
        return json.loads(report.stdout)["process"]["fork_depth"]

    def test_text(self):
        recording = self.record("1", "100", "exit")[-1]
        text = subprocess.run([harness.BIN, "leaks", recording], stdout=subprocess.PIPE,
                              universal_newlines=True).stdout
        self.assertRegex(text, r"of (those of|\d+ allocated in) ms [\d.e+-]+, \d+ live; .*; "
                               r"no free older than [\d.e+-]+ ms\n")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
