"""A copy of a living process's recording is what the process was when it was copied."""
import glob
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

from cli_support import MLA, environment, mla

GROWS = """
import time
kept = []
print("ready", flush=True)
while True:
    kept.append(bytearray(1 << 20))
    work = [bytearray(2000) for _ in range(2000)]  # a ledger is made every so many allocations
    time.sleep(0.02)
"""


class Copies(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.copy = os.path.join(place.name, "copy.mla")
        self.process = subprocess.Popen(
            [MLA, "run", "--dir", place.name, "--", sys.executable, "-c", GROWS],
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(self.process.stdout.close)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.terminate)
        self.process.stdout.readline()
        [self.path] = glob.glob(os.path.join(place.name, "run-*", "*.mla"))
        while self.report(self.path)["status"] != "alive" or not self.why_knows(self.path):
            time.sleep(0.05)
        subprocess.run(["cp", "--sparse=always", self.path, self.copy], check=True)

    def report(self, path):
        return json.loads(mla("report", "--json", path).stdout)

    def why_knows(self, path):
        return mla("why", path).returncode == 0

    def test_nothing_of_the_process_is_used_or_written(self):
        def digest():
            with open(self.copy, "rb") as source:
                return hashlib.sha256(source.read()).hexdigest()
        before = digest()
        report = self.report(self.copy)
        self.assertEqual(report["status"], "copied")
        self.assertIn(self.path, report["status_detail"])
        why = mla("why", "--json", self.copy).stdout
        for command in (["top", "--once"], ["why"], ["leaks"]):
            mla(*command, self.copy)
        # What the process allocated meanwhile does not count.
        self.assertEqual(self.report(self.copy), report)
        self.assertEqual(mla("why", "--json", self.copy).stdout, why)
        self.assertEqual(digest(), before)
        self.assertIn("copied while alive, last figures after", mla("report", self.copy).stdout)
        top = mla("top", "--once", self.copy).stdout.splitlines()[0]
        self.assertIn("%d  " % report["process"]["pid"], top)


if __name__ == "__main__":
    unittest.main()
