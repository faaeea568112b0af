#!/usr/bin/env python3
"""Programs of several kinds killed at any instant, and stopped and then killed while they fork or
load libraries: every recording they leave is readable and adds up.

Argument: short, or whole (1,000 kills, 200 stops). MLA_SEED: of the instants.
"""
import glob
import os
import random
import signal
import subprocess
import sys
import time
import unittest

import harness

WHOLE = False
SEED = int(os.environ.get("MLA_SEED", "1"))
FORKS = [harness.program("fork_storm"), "100000", "4"]
LOADS = [harness.program("loading_storm"), "1000"] + sorted(
    glob.glob(harness.program("storm_plugins/*.so")))
PYTHON_WORK = """
import json, threading
def work():
    kept = []
    while True:
        kept.append(json.loads(json.dumps({"a": list(range(50))})))
        if len(kept) > 1000: kept.clear()
for i in range(3): threading.Thread(target=work).start()
"""
PYTHON = [harness.PYTHON, "-c", PYTHON_WORK]
# (name, command, variables, seconds within which it is killed)
PROGRAMS = [
    ("python", PYTHON, {}, 0.3),
    ("python objects", PYTHON, {"MLA_PYTHON": "objects"}, 0.3),
    ("python sampled", PYTHON, {"MLA_SAMPLE": "4096"}, 0.3),
    ("threads", [harness.program("churn_journal"), "16", "1000"], {}, 0.15),
    ("loading", LOADS, {}, 0.15),
    ("forking", FORKS, {}, 0.1),
]


class Killed(harness.Case):
    def setUp(self):
        super().setUp()
        self.instants = random.Random(SEED)
        self.unfinished = self.readable = 0

    def launch(self, argv, variables, seconds):
        """The process, as it is at some instant of its first seconds; a group of its own."""
        process = self.start(argv, self.environment(**variables), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(self.instants.uniform(0, seconds))
        return process

    def end(self, process):
        os.killpg(process.pid, signal.SIGKILL)
        self.assertEqual(process.wait(), -signal.SIGKILL)

    def read_all(self, remove):
        """All recordings; of one whose making was interrupted it is said in one line."""
        for path in self.files():
            result = subprocess.run([harness.BIN, "report", path], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, timeout=harness.TIMEOUT)
            if result.returncode == 2 and b"never began" in result.stderr:
                self.assertEqual(result.stderr.count(b"\n"), 1)
                self.unfinished += 1
            else:
                self.read(path)
                self.readable += 1
            if remove:
                os.remove(path)

    def test_killed(self):
        for i in range(1000 if WHOLE else 12):
            _, argv, variables, seconds = PROGRAMS[i % len(PROGRAMS)]
            self.end(self.launch(argv, variables, seconds))
            self.read_all(remove=True)
        print("%d kills: %d recordings, %d unfinished"
              % (i + 1, self.readable, self.unfinished), flush=True)
        self.assertGreater(self.readable, i / 2 if WHOLE else 0)

    def test_stopped_then_killed_while_forking_or_loading(self):
        for i in range(200 if WHOLE else 4):
            process = self.launch((FORKS, LOADS)[i % 2], {}, 0.2)
            os.killpg(process.pid, signal.SIGSTOP)
            self.read_all(remove=False)
            self.end(process)
            self.read_all(remove=True)
        print("%d stops: %d recordings, %d unfinished, each read before and after the kill"
              % (i + 1, self.readable, self.unfinished), flush=True)
        self.assertGreater(self.readable, i)


if __name__ == "__main__":
    WHOLE = sys.argv.pop(1) == "whole"
    unittest.main(verbosity=2)
