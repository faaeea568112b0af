"""The line of progress: on a terminal, after a second, and gone at the end."""
import contextlib
import fcntl
import os
import pty
import subprocess
import sys
import tempfile
import unittest

from cli_support import MLA, environment, mla

# A command that waits for the reader of its output is at work for as long as the test wants.
F_SETPIPE_SZ = 1031
LINE = b"\rmla: "
REMOVED = b"\r\x1b[K"


class Progress(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.recording = os.path.join(folder.name, "python.mla")
        done = mla("run", "-o", cls.recording, "--", sys.executable, "-c", "import json, decimal")
        assert done.returncode == 0, done.stderr

    def start(self, stderr, **variables):
        """mla report, stuck at its output, which does not fit into the pipe."""
        read, write = os.pipe()
        fcntl.fcntl(write, F_SETPIPE_SZ, 4096)
        process = subprocess.Popen([MLA, "report", "--json", self.recording], stdout=write,
                                   stderr=stderr, env=environment(**variables))
        os.close(write)
        self.addCleanup(process.wait)
        return process, read

    def finish(self, process, read):
        with os.fdopen(read, "rb") as output:
            text = output.read()
        self.assertGreater(len(text), 100_000)
        self.assertEqual(process.wait(), 0)

    def test_a_line_that_comes_and_goes_on_a_terminal_only(self):
        terminal, stderr = pty.openpty()
        dumb, dumb_stderr = pty.openpty()
        shown, shown_output = self.start(stderr, TERM="xterm", NO_COLOR="1")
        quiet, quiet_output = self.start(subprocess.PIPE, TERM="xterm")
        plain, plain_output = self.start(dumb_stderr, TERM="dumb")
        os.close(stderr)
        os.close(dumb_stderr)
        seen = os.read(terminal, 4096)  # waits for it
        self.assertTrue(seen.startswith(LINE), seen)
        self.finish(shown, shown_output)
        with contextlib.suppress(OSError):  # EIO: the terminal has no writer left
            while part := os.read(terminal, 4096):
                seen += part
        self.assertTrue(seen.endswith(REMOVED), seen)
        self.assertEqual(seen.count(REMOVED), 1, seen)
        self.assertNotIn(b"\n", seen)
        self.assertNotIn(b"\x1b[3", seen)  # no colours
        # The others were at work as long.
        self.finish(quiet, quiet_output)
        self.assertEqual(quiet.stderr.read(), b"")
        self.finish(plain, plain_output)
        with contextlib.suppress(OSError):
            self.assertEqual(os.read(dumb, 4096), b"")
        quiet.stderr.close()
        os.close(terminal)
        os.close(dumb)


if __name__ == "__main__":
    unittest.main()
