#!/usr/bin/env python3
"""What is installed works from where it is installed.

Arguments: the build directory, the version, the name of the library directory below the prefix.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

BUILD = VERSION = LIBRARY_DIRECTORY = None


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="mla-install-")
        cls.prefix = os.path.join(cls.directory.name, "prefix")
        cls.mla = os.path.join(cls.prefix, "bin", "mla")
        # Its list of installed files is for who installs, not for this test.
        manifest = os.path.join(BUILD, "install_manifest.txt")
        kept = manifest + ".kept"
        if os.path.exists(manifest):
            os.replace(manifest, kept)
        subprocess.run(["cmake", "--install", BUILD, "--prefix", cls.prefix], check=True,
                       stdout=subprocess.DEVNULL)
        os.remove(manifest)
        if os.path.exists(kept):
            os.replace(kept, manifest)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def run_mla(self, *arguments):
        return subprocess.run([self.mla] + list(arguments), check=True, stdout=subprocess.PIPE,
                              cwd=self.directory.name, universal_newlines=True).stdout

    def test_everything_is_there(self):
        for path in [os.path.join(LIBRARY_DIRECTORY, "libmla.so"), "share/man/man1/mla.1",
                     "share/bash-completion/completions/mla"]:
            self.assertTrue(os.path.isfile(os.path.join(self.prefix, path)), path)

    def test_version(self):
        self.assertIn(VERSION, self.run_mla("--version"))

    def test_records(self):
        self.run_mla("run", "-o", "x.mla", "--", sys.executable, "-c",
                     "kept = [bytes(100000) for i in range(50)]; import os; os._exit(0)")
        report = json.loads(self.run_mla("report", "--json", "x.mla"))
        self.assertGreater(report["sites"][0]["live_bytes"], 4900000)


if __name__ == "__main__":
    LIBRARY_DIRECTORY = sys.argv.pop()
    VERSION = sys.argv.pop()
    BUILD = sys.argv.pop()
    sys.exit(unittest.main())
