"""What the tests of the command line share."""
import os
import subprocess
import unittest

MLA = os.environ["MLA_BIN"]
COMMANDS = ("run", "report", "diff", "ps", "ctl", "analyse", "leaks", "why", "py", "stacks", "top",
            "watch", "history", "push", "bench")


def environment(**changes):
    """This environment without settings of mla, and with libmla.so as the build made it."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MLA_") and k != "LD_PRELOAD"}
    if os.environ.get("MLA_LIB"):
        clean["MLA_LIBRARY"] = os.environ["MLA_LIB"]
    clean.update(changes)
    return clean


def mla(*arguments, env=None, **options):
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("timeout", 60)
    return subprocess.run([MLA, *arguments], env=env or environment(), text=True, **options)


class CommandLineTest(unittest.TestCase):
    def assert_one_line_error(self, done, *words):
        """Exit code 2, nothing on standard output, one line of what, why and what to do."""
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout or "", "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("mla: "), done.stderr)
        self.assertGreaterEqual(done.stderr.count(": "), 3, done.stderr)
        self.assertLess(len(done.stderr), 400, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
