#!/usr/bin/env python3
"""mla py: what it counts is what the process itself counts.

"system": on the system's python3. "versions": on every CPython that pyenv has."""
import json
import os
import subprocess
import sys
import unittest

import harness
import python_test

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/schema/py-v1.json")
SCRIPT = os.path.join(python_test.SCRIPTS, "counted.py")


def is_supported(version):
    return (3, 8) <= version <= (3, 13)


class Counted(harness.Case):
    python = harness.PYTHON

    def begin(self, python=None, **variables):
        process = self.start([python or self.python, SCRIPT], self.environment(**variables),
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             universal_newlines=True)
        self.assertEqual(int(process.stdout.readline()), process.pid)
        return process

    def tell(self, process, command):
        process.stdin.write(command + "\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    def mla_py(self, *arguments):
        environment = dict(harness.plain_environment(), MLA_DIR=self.recordings)
        return subprocess.run([harness.BIN, "py"] + [str(a) for a in arguments], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=harness.TIMEOUT)

    def count(self, *arguments):
        result = self.mla_py("--json", *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return json.loads(result.stdout)

    def refused(self, *arguments):
        result = self.mla_py(*arguments)
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        return result.stderr

    def types(self, document):
        return {row["type"]: row for row in document["types"]}

    def check_against_itself(self, python):
        process = self.begin(python)
        self.count(process.pid)  # what is loaded by asking is there now
        ours = self.types(self.count(process.pid))
        own = json.loads(self.tell(process, "count"))
        self.assertGreater(len(own), 40)
        for name, (number, size) in own.items():
            # Written in Python, so not asked; and what the script itself holds while it counts.
            if name == "__main__.Mute":
                self.assertEqual(ours[name]["tracked_count"], number)
                continue
            if name in ("list", "bytearray", "frame", "list_iterator"):
                self.assertAlmostEqual(ours[name]["tracked_count"] if name in ours else 0, number,
                                       delta=3, msg=name)
                continue
            self.assertIn(name, ours)
            self.assertEqual((ours[name]["tracked_count"], ours[name]["tracked_bytes"]),
                             (number, size), name)
        self.assertEqual(ours["__main__.Slots"]["tracked_count"], 500)
        # Objects that the collector does not know: 1,000 texts of nodes, 2,000 of the dict.
        self.assertGreaterEqual(ours["str"]["count"], 3000)
        self.assertEqual(ours["str"]["tracked_count"], 0)

    def test_agrees_with_the_process(self):
        self.check_against_itself(self.python)

    def test_growth_since_the_count_before(self):
        process = self.begin()
        first = self.count(process.pid)
        self.assertIsNone(first["before"])
        self.tell(process, "grow 321")
        second = self.count(process.pid)
        node = self.types(second)["__main__.Node"]
        self.assertEqual(node["tracked_count"] - node["before"]["tracked_count"], 321)
        self.assertEqual(second["before"]["count"], first["objects"]["count"])
        self.assertEqual(second["before"]["t_s"], first["t_s"])
        text = self.mla_py("--last", process.pid).stdout
        self.assertRegex(text, r"grown most since the count .* before")
        self.assertRegex(text, r"\n +1,321 .*\+321 .*__main__\.Node\n")

    def test_garbage(self):
        process = self.begin()
        self.tell(process, "garbage 7")
        document = self.count(process.pid)
        self.assertEqual(document["garbage_count"], 7)
        self.assertEqual(self.types(document)["__main__.Odd"]["garbage_count"], 7)
        self.assertIn("gc.garbage holds 7 objects: 7 __main__.Odd",
                      self.mla_py("--last", process.pid).stdout)
        self.assertEqual([g["threshold"] for g in document["gc"]["generations"]][:1], [700]
                         if sys.version_info < (3, 12) else
                         [document["gc"]["generations"][0]["threshold"]])
        self.assertFalse(document["gc"]["enabled"])  # the script disabled it

    def test_collection(self):
        process = self.begin()
        self.tell(process, "cycles 3000")
        self.assertEqual(self.types(self.count(process.pid))["__main__.Lump"]["count"], 3000)
        document = self.count("--collect", process.pid)
        with open(SCHEMA) as file:
            schema = json.load(file)
        self.assertEqual(sorted(document), sorted(schema["required"]))
        self.assertEqual(sorted(document["collection"]),
                         sorted(schema["properties"]["collection"]["required"]))
        self.assertEqual(sorted(document["types"][0]),
                         sorted(schema["properties"]["types"]["items"]["required"]))
        self.assertFalse("__main__.Lump" in self.types(document))
        collection = document["collection"]
        self.assertGreaterEqual(collection["unreachable_count"], 3000)
        gone = collection["objects_before"]["count"] - document["objects"]["count"]
        self.assertGreaterEqual(gone, 6000)  # and their blocks
        self.assertGreater(collection["rss_before_bytes"], 0)
        self.assertGreater(collection["rss_after_bytes"], 0)
        # What the helper freed was seen being freed.
        process.stdin.close()
        process.wait()
        [report] = self.reports()
        self.check_no_loss(report)
        self.assertLess(report["totals"]["live_bytes"], 3000 * 4000)

    def test_forked_child(self):
        process = self.begin()
        self.count(process.pid)
        child = int(self.tell(process, "fork"))
        document = self.count(child)
        self.assertEqual(document["pid"], child)
        self.assertIsNone(document["before"])
        self.assertEqual(self.types(document)["__main__.Slots"]["count"], 500)
        # The parent's is as it was, and can be looked at after its end.
        self.assertEqual(self.count("--last", process.pid)["pid"], process.pid)
        process.stdin.close()
        process.wait()
        self.assertEqual(self.count(child)["pid"], child)

    def test_many_counts_at_work(self):
        process = self.begin()
        for _ in range(30):
            self.count(process.pid)
        process.kill()
        process.wait()
        self.assertEqual(self.types(self.count(process.pid))["__main__.Slots"]["count"], 500)
        [report] = self.reports()
        self.assertEqual(report["status"], "killed")

    def test_calls_that_every_thread_takes_part_in(self):
        """glibc has each thread answer a signal; one that had it blocked would be waited for."""
        process = self.begin()
        for _ in range(20):
            asking = subprocess.Popen(
                [harness.BIN, "py", "--json", str(process.pid)], stdout=subprocess.DEVNULL,
                env=dict(harness.plain_environment(), MLA_DIR=self.recordings))
            while asking.poll() is None:
                self.assertEqual(self.tell(process, "setgid 50"), "ok")
            self.assertEqual(asking.returncode, 0)

    def test_what_cannot_be_counted(self):
        process = self.begin()
        self.assertIn("its objects were never counted", self.refused("--last", process.pid))
        self.tell(process, "spoil")
        self.assertIn("its gc.collect() failed", self.refused("--collect", process.pid))
        self.tell(process, "idle")
        self.assertIn("no thread that runs Python called malloc often enough",
                      self.refused("--timeout", "1", process.pid))
        process.kill()
        process.wait()
        self.assertIn("were never counted", self.refused(process.pid))
        self.assertIn("--collect needs a living process", self.refused("--collect", process.pid))
        off = self.begin(MLA_PYTHON="off")
        self.assertIn("is no Python process, or was started with MLA_PYTHON=off",
                      self.refused(off.pid))


class Versions(Counted):
    def test_every_version(self):
        skipped = []
        for python in python_test.pyenv_pythons():
            if not is_supported(python_test.version_of(python)):
                skipped.append(python)
                continue
            with self.subTest(python=python):
                self.recordings = self.path(os.path.basename(os.path.dirname(
                    os.path.dirname(python))))
                self.check_against_itself(python)
        if skipped:
            print("skipped, their objects cannot be counted: " + " ".join(skipped))


if __name__ == "__main__":
    which = sys.argv.pop(1)
    suite = unittest.TestSuite()
    if which == "versions":
        suite.addTest(Versions("test_every_version"))
    else:
        suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(Counted))
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())
