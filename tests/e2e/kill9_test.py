#!/usr/bin/env python3
"""A program killed at any instant leaves a readable recording whose counters are true within one
event per thread.

MLA_KILLS: number of kills (default 200); MLA_SEED: of the instants.
"""
import os
import random
import re
import signal
import struct
import subprocess
import time

import harness

KILLS = int(os.environ.get("MLA_KILLS", "200"))
SEED = int(os.environ.get("MLA_SEED", "1"))
THREADS = 4
SITES = 12
FIELDS = ("alloc_count", "alloc_bytes", "freed_count", "freed_bytes")


def read_journal(path):
    """Per site: what all threads had done, and had at least begun."""
    with open(path, "rb") as file:
        data = file.read()
    numbers = struct.unpack("<%dQ" % (THREADS * SITES * 8), data)
    done = [[0] * 4 for _ in range(SITES)]
    begun = [[0] * 4 for _ in range(SITES)]
    open_events = 0
    for thread in range(THREADS):
        open_here = 0
        for site in range(SITES):
            at = (thread * SITES + site) * 8
            for field in range(4):
                begun[site][field] += numbers[at + field]
                done[site][field] += numbers[at + 4 + field]
            # Between two stores of one event only the counts tell how many events are open.
            open_here += sum(numbers[at + f] - numbers[at + 4 + f] for f in (0, 2))
        open_events = max(open_events, open_here)
    return done, begun, open_events


def site_of(stack):
    for frame in stack:
        found = re.search(r"\b(?:re)?allocate_at<(\d+)>", frame["function"] or "")
        if found:
            return int(found.group(1))
    return None


def read_report(report):
    """Per site of the journal, what was recorded."""
    recorded = [[0] * 4 for _ in range(SITES)]
    for site in report["sites"]:
        number = site_of(site["stack"])
        if number is not None and site["kind"] == "heap":
            for field, name in enumerate(FIELDS):
                recorded[number][field] += site[name]
    return recorded


def differences(recorded, done, begun):
    found = []
    for site in range(SITES):
        for field, name in enumerate(FIELDS):
            if not done[site][field] <= recorded[site][field] <= begun[site][field]:
                found.append("site %d: %s %d, journal %d to %d" % (
                    site, name, recorded[site][field], done[site][field], begun[site][field]))
    return found


class Kill9(harness.Case):
    def run_and_kill(self, name, delay, allocator=None):
        """Returns (journal, recordings) of a run killed `delay` seconds after it was ready."""
        journal, directory = self.path(name), self.path(name + ".d")
        process = subprocess.Popen(
            [harness.program("kill_journal"), journal], stdout=subprocess.PIPE,
            env=self.environment(allocator, MLA_DIR=directory))
        try:
            self.assertEqual(process.stdout.read(6), b"READY\n")
            time.sleep(delay)
        finally:
            process.kill()
            self.assertEqual(process.wait(), -signal.SIGKILL)
            process.stdout.close()
        return read_journal(journal), self.files(directory)

    def check_one_kill(self, name, delay, allocator=None):
        (done, begun, open_events), files = self.run_and_kill(name, delay, allocator)
        # realloc is two events at once: one block freed, one allocated.
        self.assertLessEqual(open_events, 2)
        self.assertEqual(len(files), 1)
        report = self.read(files[0])
        self.assertEqual(report["status"], "killed")
        self.check_no_loss(report)
        found = differences(read_report(report), done, begun)
        self.assertEqual(found, [], "%s, killed %.2f ms after it was ready" % (name, delay * 1e3))
        os.remove(files[0])
        return sum(counts[0] for counts in done), report

    def test_killed_while_busy(self):
        instants = random.Random(SEED)
        events = 0
        checked = 0
        for i in range(KILLS):
            count, report = self.check_one_kill("kill%d" % i, instants.uniform(0, 0.055))
            events += count
            checked += report["unwind_check"]["checked"] if report["unwind_check"] else 0
        print("%d kills (seed %d): %d allocations agree, %d stacks as libunwind's"
              % (KILLS, SEED, events, checked))
        self.assertGreater(events, 100 * KILLS)
        self.assertGreater(checked, KILLS)

    def test_killed_while_busy_on_other_allocators(self):
        instants = random.Random(SEED)
        for allocator in harness.installed_allocators():
            for i in range(3):
                _, report = self.check_one_kill("%s%d" % (allocator, i), instants.uniform(0, 0.05),
                                                allocator)
                self.assertEqual(report["process"]["allocator"]["name"], allocator)
                # The program makes no anonymous mapping; what its allocator maps is not its own.
                self.assertEqual([site["stack"] for site in report["sites"]
                                  if site["kind"] == "mapping"], [])

    def test_killed_while_starting(self):
        """Before it is ready there may be no file yet, or, for the moment of its making, one that
        the reader calls empty or unfinished in one line; any other is readable."""
        instants = random.Random(SEED)
        seen = 0
        unfinished = 0
        for i in range(max(KILLS // 5, 1)):
            directory = self.path("early%d" % i)
            process = subprocess.Popen([harness.program("kill_journal"), self.path("journal")],
                                       stdout=subprocess.DEVNULL,
                                       env=self.environment(MLA_DIR=directory))
            time.sleep(instants.uniform(0, 0.012))
            process.kill()
            process.wait()
            for path in self.files(directory):
                seen += 1
                result = subprocess.run([harness.BIN, "report", path], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, timeout=harness.TIMEOUT)
                if result.returncode == 2 and b"never began" in result.stderr:
                    self.assertEqual(result.stderr.count(b"\n"), 1)
                    unfinished += 1
                else:
                    self.read(path)
                os.remove(path)
        print("%d of %d killed early had a recording, %d of these unfinished"
              % (seen, max(KILLS // 5, 1), unfinished))

    def test_a_wrong_total_would_be_found(self):
        (done, begun, _), files = self.run_and_kill("control", 0.02)
        recorded = read_report(self.read(files[0]))
        self.assertEqual(differences(recorded, done, begun), [])
        recorded[3][0] += THREADS + 1  # more than one event a thread too many
        self.assertNotEqual(differences(recorded, done, begun), [])
        recorded[3][0] -= 2 * THREADS + 2
        self.assertNotEqual(differences(recorded, done, begun), [])


if __name__ == "__main__":
    harness.main()
