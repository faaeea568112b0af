#!/usr/bin/env python3
"""What tools/fuzz makes of how a fuzzer ends. Argument: the source tree."""
import importlib.machinery
import importlib.util
import os
import shutil
import sys
import tempfile
import unittest


class Endings(unittest.TestCase):
    def run_script(self, script, hang_seconds=60):
        """What is found where the fuzzer is this script of the shell."""
        directory = tempfile.mkdtemp(prefix="mla-fuzz-")
        self.addCleanup(shutil.rmtree, directory)
        path = os.path.join(directory, "fuzzer")
        with open(path, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n" + script + "\n")
        os.chmod(path, 0o755)
        fuzz.BUILD, fuzz.FINDINGS = directory, os.path.join(directory, "findings")
        fuzz.CORPUS = os.path.join(directory, "kept")
        fuzz.HANG_SECONDS = hang_seconds
        fuzz.fuzzer = lambda name: path
        executions, _, found = fuzz.run("any", 0)
        return executions, found

    def test_nothing_found(self):
        self.assertEqual(self.run_script("echo stat::number_of_executed_units: 12"), (12, ""))

    def test_an_input(self):
        executions, found = self.run_script(
            "echo '#7\tNEW'; echo Test unit written to /x/y; exit 3")
        self.assertEqual(executions, 7)
        self.assertRegex(found, "exit code 3, .*any.log, input .*x/y")

    def test_a_hang(self):
        executions, found = self.run_script("echo '#9\tNEW'; exec sleep 1000", 1)
        self.assertEqual(executions, 9)
        self.assertRegex(found, "hangs: still ran 1 s after its 0, see .*any.log")


if __name__ == "__main__":
    path = os.path.join(sys.argv.pop(1), "tools", "fuzz")
    fuzz = importlib.util.module_from_spec(importlib.util.spec_from_loader(
        "fuzz", importlib.machinery.SourceFileLoader("fuzz", path)))
    fuzz.__loader__.exec_module(fuzz)
    unittest.main()
