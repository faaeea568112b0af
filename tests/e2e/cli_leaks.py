"""mla leaks: the verdict on recordings of real processes."""
import json
import os
import sys
import tempfile
import unittest

from cli_support import CommandLineTest, mla

# Every 10 ms some work, and in one of them 50 KB are kept.
WORK = """
import time
kept = []
def remember():
    kept.append(bytearray(50000))
end = time.monotonic() + 4
while time.monotonic() < end:
    work = [bytearray(2000) for _ in range(50)]
    if LEAK:
        remember()
    time.sleep(0.01)
"""


class Leaks(CommandLineTest):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.leak = cls.recorded("leak", True)
        cls.clean = cls.recorded("clean", False)

    @classmethod
    def recorded(cls, name, leak):
        path = os.path.join(cls.directory.name, name + ".mla")
        program = WORK.replace("LEAK", str(leak))
        done = mla("run", "--quiet", "-o", path, "--", sys.executable, "-c", program)
        assert done.returncode == 0, done.stderr
        return path

    def test_leak(self):
        done = mla("leaks", self.leak)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertRegex(done.stdout, r"live bytes:\nleak, \d+\.\d [MG]iB/h: ")
        self.assertNotIn("time to the limit", done.stdout)  # it may have run on another machine
        self.assertRegex(mla("leaks", "--limit", "64G", self.leak).stdout,
                         r"time to the limit .*, to 64\.0 GiB \(--limit\)\n")

    def test_json(self):
        document = json.loads(mla("leaks", "--json", "--limit", "2G", self.leak).stdout)
        self.assertEqual(document["schema"], {"name": "mla-leaks", "version": 2})
        self.assertEqual((document["verdict"], document["limit_bytes"]), ("leak", 2 << 30))
        self.assertGreater(document["probability"], 0.8)
        rate = document["rate_bytes_per_hour"]
        self.assertTrue(rate["low"] < rate["value"] < rate["high"])
        self.assertGreater(document["hours_to_limit"], 0)
        site = document["sites"][0]
        self.assertIn("remember", [frame["function"] for frame in site["stack"]])
        self.assertAlmostEqual(site["rate_bytes_per_hour"]["value"] / rate["value"], 1, delta=0.3)

    def test_clean(self):
        document = json.loads(mla("leaks", "--json", self.clean).stdout)
        self.assertNotEqual(document["verdict"], "leak")
        self.assertEqual([s for s in document["sites"] if s["verdict"] == "leak"], [])

    def test_rate_that_matters(self):
        self.assertEqual(mla("leaks", "--fail-on", "1M/h", self.leak).returncode, 1)
        done = mla("leaks", "--fail-on", "1G/s", self.leak)
        self.assertEqual(done.returncode, 0)
        self.assertIn("more slowly than is tolerated", done.stdout)
        self.assertEqual(mla("leaks", "--fail-on", "1/d", self.clean).returncode, 3)

    def test_founding_rule(self):
        done = mla("leaks", "--rule", "founding", "--invalid-count", "10", self.leak)
        self.assertEqual(done.returncode, 1)
        self.assertIn("[if_notify_wechat]: True", done.stdout)
        document = json.loads(mla("leaks", "--rule", "founding", "--json", self.leak).stdout)
        self.assertEqual(document["schema"], {"name": "mla-leaks", "version": 1})

    def test_usage(self):
        for arguments, word in (
                (["--invalid-count", "10"], "--rule founding"),
                (["--rule", "founding", "--fail-on", "1M"], "--fail-on"),
                (["--fail-on", "fast"], "no amount"),
                (["--fail-on", "1M/y"], "no rate"),
                (["--limit", "-1"], "no amount")):
            with self.subTest(arguments=arguments):
                self.assert_one_line_error(mla("leaks", *arguments, self.leak), word)


if __name__ == "__main__":
    unittest.main()
