#!/usr/bin/env python3
"""Every shell example of docs/ci.md does what the page says."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom

from cli_support import MLA, environment

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/ci.md")
BLOCK = re.compile(r"(?:<!-- (file|exit|shell): ([^\n]*) -->\n)?```(\w*)\n(.*?)```\n", re.DOTALL)
SOAK = "8"  # seconds


def available(block):
    """A tool that is not installed is not what is tested here."""
    if "pytest" in block:
        return subprocess.run([sys.executable, "-c", "import pytest"], check=False,
                              stderr=subprocess.DEVNULL).returncode == 0
    return all(shutil.which(tool) for tool in ("jq", "cmake", "curl")
               if re.search(r"(?m)^%s " % tool, block))


class Page(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        os.symlink(MLA, self.path("mla"))
        self.environment = environment(SOAK=SOAK, PATH=self.directory + ":" + os.environ["PATH"])

    def path(self, name):
        return os.path.join(self.directory, name)

    def run_shell(self, script, wanted):
        if not available(script):
            print("not run, not installed:", script.splitlines()[-1])
            return
        done = subprocess.run(["bash", "-e", "-c", script], cwd=self.directory, timeout=300,
                              env=self.environment, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, wanted, script + done.stdout)

    def test_page(self):
        with open(PAGE, encoding="utf-8") as source:
            blocks = BLOCK.findall(source.read())
        run = 0
        for kind, value, language, text in blocks:
            if kind == "file":
                with open(self.path(value), "w", encoding="utf-8") as out:
                    out.write(text)
            elif kind == "shell":  # the shell lines in another language
                key = {"run": r"^ +- run: (.*)$", "-": r"^    - (.*)$", "sh": r"^ +sh '(.*)'$"}
                lines = re.findall(key[value], text, re.MULTILINE)
                self.assertEqual(len(lines), 1, text)
                self.run_shell(lines[0], 0)
                run += 1
            elif language == "sh":
                self.run_shell(text, int(value) if kind == "exit" else 0)
                run += 1
        self.assertEqual(run, 9)
        xml.dom.minidom.parse(self.path("leaks.xml"))

    def test_pytest_example_without_pytest(self):
        with open(PAGE, encoding="utf-8") as source:
            files = {value: text for kind, value, _, text in BLOCK.findall(source.read())
                     if kind == "file"}
        for name, text in files.items():
            with open(self.path(name), "w", encoding="utf-8") as out:
                out.write(text)
        call = ("import pathlib, test_leaks; "
                "test_leaks.test_soak_does_not_leak(pathlib.Path('.').absolute())")
        self.run_shell('python3 -c "%s"' % call, 0)
        os.remove(self.path("soak.mla"))
        with open(self.path("known.supp"), "w", encoding="utf-8") as out:
            out.write("# nothing is known\n")
        self.run_shell('python3 -c "%s" 2> /dev/null' % call, 1)


if __name__ == "__main__":
    unittest.main()
