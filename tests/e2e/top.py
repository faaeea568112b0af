"""mla top in a terminal (tmux): what stands on its screen while a program leaks, is killed and
started again. Waits until a screen shows something; asserts no time."""
import os
import re
import signal
import subprocess
import time
import unittest

import harness
from cli_support import CommandLineTest, environment, mla
from terminal import SECONDS, Terminal

LEAK = """
import socket, sys, threading, time
kept = []
def leak_here():
    kept.append(bytearray(1 << 16))
threads = [threading.Thread(target=time.sleep, args=(600,), daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
listening = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listening.getsockname())
accepted, _ = listening.accept()
print("ready", flush=True)
while True:
    leak_here()
    time.sleep(0.01)
"""


class TopCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.name = "leaky-%d.py" % os.getpid()
        with open(self.path(self.name), "w", encoding="utf-8") as out:
            out.write(LEAK)

    def leak(self, preload=True):
        process = self.start([harness.PYTHON, self.path(self.name)],
                             self.environment() if preload else harness.plain_environment(),
                             stdout=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process

    def terminal(self, width, height, **variables):
        variables.setdefault("MLA_DIR", self.recordings)
        terminal = Terminal(self.directory, width, height, environment(), **variables)
        self.addCleanup(terminal.close)
        return terminal

    def top(self, terminal, *arguments):
        terminal.run(harness.BIN, "top", *arguments)

    def the_recording(self):
        return next(path for path in self.files() if path.endswith(".mla"))


class OneProcess(TopCase):
    def test_80x24(self):
        leak = self.leak()
        terminal = self.terminal(80, 24)
        self.top(terminal, str(leak.pid))
        screen = terminal.wait(r"^verdict +leak, .*/h")
        lines = screen.splitlines()
        self.assertEqual(len(lines), 24)
        self.assertRegex(lines[0], r"^mla top +%d +python3 %s +alive, .* \d\d:\d\d:\d\d$" %
                         (leak.pid, re.escape(self.name)))
        self.assertRegex(lines[1], r"^RSS +\d+\.\d [KM]iB  [▁-█ ]+$")
        self.assertRegex(lines[2], r"^live\+map +\d+\.\d [KM]iB  [▁-█ ]+$")
        self.assertRegex(lines[3], r"^rate +[\d.]+ .iB/h, 95 % interval ")
        self.assertRegex(lines[5], r"^ledger +█+")
        self.assertRegex(lines[6], r"█ live \d+ %")
        self.assertRegex(screen, r"(?m)^▸ +[\d.]+ MiB +\+[\d.]+ MiB +[\d.]+ .iB/h  .*leak_here")
        self.assertRegex(lines[23], r"q quit")

        terminal.keys("g")
        terminal.wait("call sites? by growth; .*\n.*▼GROWTH")
        terminal.keys("r")
        terminal.wait("call sites? by rate; .*\n.*▼RATE")
        terminal.keys("l")
        terminal.wait("call sites? by live bytes; .*\n.*▼LIVE")

        terminal.keys("Enter")  # the stack, and its three forms
        terminal.wait(r"^▾ .*leak_here[\s\S]*^ {8}leak_here +/")
        terminal.keys("s")
        terminal.wait("stacks native")
        terminal.wait(r"^ {8}PyByteArray_Resize|^ {8}\S*malloc|^ {8}\S*realloc")
        terminal.keys("s")
        screen = terminal.wait("stacks Python")
        self.assertRegex(screen, r"(?m)^ {8}leak_here.*\n {8}<module>")
        terminal.keys("s")
        terminal.wait("stacks merged")
        terminal.keys("Enter")
        terminal.wait("^▾", absent=True)

        terminal.keys("/")
        terminal.type("LEAK_HERE")
        terminal.wait("^/LEAK_HERE")
        terminal.keys("Enter")
        # bytearray's and append's
        screen = terminal.wait(r'^2 call sites with "LEAK_HERE" \(of [\d,]+\) by live bytes')
        self.assertEqual(len(re.findall("^▸.*leak_here", screen, re.MULTILINE)), 2)
        terminal.keys("/")
        terminal.type("no such text")
        terminal.wait("no call site matches")
        terminal.keys("Escape")
        terminal.wait("no call site matches", absent=True)

        terminal.keys("p")
        terminal.wait("PAUSED")
        terminal.keys("z")  # a key that changes the screen: it is shown although nothing is read
        # Over all of the run before; from now on since the last point of the history, which has one
        # each second at this age.
        paused = terminal.wait(r"growth over [01]\.\d\d s")
        self.assertEqual(paused.splitlines()[0], terminal.screen().splitlines()[0])
        terminal.keys("p")
        terminal.wait("PAUSED", absent=True)

        terminal.keys("?")
        terminal.wait("mla top: keys")
        terminal.keys("x")
        terminal.wait("mla top: keys", absent=True)
        terminal.keys("q")
        terminal.wait("^END=0$")
        self.assertIsNone(leak.poll())

    def test_200x60(self):
        leak = self.leak()
        terminal = self.terminal(200, 60)
        self.top(terminal, str(leak.pid))
        screen = terminal.wait(r"leak_here .*:5\) < <module>")
        lines = screen.splitlines()
        self.assertEqual(len(lines), 60)
        self.assertRegex(screen, r"(?m)^ +▼LIVE +GROWTH +RATE +BLOCKS  VERDICT +CALL SITE$")
        self.assertGreater(len(lines[1]), 190)
        self.assertGreater(sum(line.startswith("▸") for line in lines), 40)
        terminal.keys("End")
        terminal.wait("leak_here", absent=True)
        terminal.keys("Home")
        terminal.wait("leak_here")
        terminal.keys("q")
        terminal.wait("^END=0$")

    def test_resized(self):
        leak = self.leak()
        terminal = self.terminal(80, 24)
        self.top(terminal, str(leak.pid))
        terminal.wait("leak_here")
        for width, height in ((30, 8), (80, 5), (10, 2)):
            terminal.resize(width, height)
            terminal.wait("^too( small| ?…)")
            terminal.wait("RSS", absent=True)
        terminal.resize(120, 40)
        screen = terminal.wait(r"BLOCKS[\s\S]*q quit")
        self.assertEqual(len(screen.splitlines()), 40)
        terminal.keys("q")
        terminal.wait("^END=0$")

    def test_the_terminal_is_as_it_was(self):
        leak = self.leak()
        terminal = self.terminal(80, 24)
        state = "stty -a | cksum"
        terminal.run("sh", "-c", state)
        before = re.search(r"^\d+ \d+$", terminal.wait("^END=0$"), re.MULTILINE).group()
        for end in ("key", "signal"):
            self.top(terminal, str(leak.pid))
            terminal.wait("leak_here")
            if end == "key":
                terminal.keys("C-c")
            else:
                pane = terminal.tmux("display-message", "-p", "#{pane_pid}").strip()
                child = subprocess.run(["pgrep", "-P", pane], stdout=subprocess.PIPE, check=True,
                                       universal_newlines=True).stdout.split()[0]
                os.kill(int(child), signal.SIGTERM)
            terminal.wait("^END=0$")
            terminal.run("sh", "-c", state)
            terminal.wait("^%s$" % before)

    def test_no_color(self):
        leak = self.leak()
        coloured = re.compile("\x1b\\[[0-9;]*3[0-7]")
        for variables, expected in (({}, True), ({"NO_COLOR": "1"}, False)):
            terminal = self.terminal(80 + expected, 24, **variables)
            self.top(terminal, str(leak.pid))
            terminal.wait("leak_here")
            self.assertEqual(bool(coloured.search(terminal.screen("-e"))), expected)

    def test_killed(self):
        leak = self.leak()
        terminal = self.terminal(80, 24)
        self.top(terminal, str(leak.pid))
        terminal.wait("leak_here")
        leak.kill()
        leak.wait()
        screen = terminal.wait("pid %d: killed; this is the last state" % leak.pid)
        self.assertRegex(screen.splitlines()[0], "killed, ")
        self.assertIn("leak_here", screen)
        terminal.keys("/")  # goes on working, from the recording
        terminal.type("leak_here")
        terminal.keys("Enter")
        terminal.wait(r'^\d call sites? with "leak_here" \(of ')
        terminal.keys("Enter")
        terminal.wait(r"^ {8}leak_here")
        terminal.keys("q")
        terminal.wait("^END=0$")
        # The end of a file
        self.top(terminal, self.the_recording())
        terminal.wait("killed; this is the last state[\\s\\S]*leak_here")
        terminal.keys("q")
        terminal.wait("^END=0$")


    def watched(self, process):
        self.assertEqual(process.stdout.readline(), b"ready\n")
        terminal = self.terminal(80, 24)
        self.top(terminal, str(process.pid))
        terminal.wait("^mla top +%d .*alive" % process.pid)
        process.stdin.write(b"\n")
        process.stdin.flush()
        return terminal

    def test_the_same_program_unrecorded(self):
        again = ("import time; block = b'x' * (64 << 20); "
                 "print('again', flush=True); time.sleep(600)")
        process = self.start(
            [harness.PYTHON, "-c", "import os, sys; print('ready', flush=True); "
             "sys.stdin.readline(); del os.environ['LD_PRELOAD']; os.execv(sys.executable, "
             "[sys.executable, '-c', %r])" % again],
            self.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        terminal = self.watched(process)
        terminal.wait(r"exited \(replaced by exec\)")
        self.assertEqual(process.stdout.readline(), b"again\n")
        time.sleep(1.5)  # mla top would add a point each second
        [report] = self.reports()
        self.assertLess(max(point["rss_bytes"] for point in report["timeline"]), 64 << 20)
        terminal.keys("q")
        terminal.wait("^END=0$")

    def test_another_program(self):
        leak = self.start([harness.PYTHON, "-c", "import os, sys; print('ready', flush=True); "
                           "sys.stdin.readline(); os.execv(sys.executable, "
                           "[sys.executable, %r])" % self.path(self.name)],
                          self.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        terminal = self.watched(leak)
        terminal.wait("pid %d began another program; going on with it" % leak.pid)
        terminal.wait("leak_here")
        terminal.keys("q")
        terminal.wait("^END=0$")

    def test_the_file_is_taken_away(self):
        leak = self.leak()
        terminal = self.terminal(80, 24)
        self.top(terminal, str(leak.pid))
        terminal.wait("leak_here")
        os.unlink(self.the_recording())
        leak.kill()
        leak.wait()
        screen = terminal.wait("no more recorded; this is the last state")
        self.assertIn("leak_here", screen)
        terminal.keys("q")
        terminal.wait("^END=0$")

    def test_the_file_is_cut_short(self):
        leak = self.leak()
        terminal = self.terminal(80, 24)
        self.top(terminal, str(leak.pid))
        terminal.wait("leak_here")
        leak.send_signal(signal.SIGSTOP)  # it would die of its own recording
        os.truncate(self.the_recording(), 0)
        screen = terminal.wait("no more recorded; this is the last state")
        self.assertIn("leak_here", screen)
        terminal.keys("q")
        terminal.wait("^END=0$")
        leak.kill()


class Workers(TopCase):
    def row(self, process, verdict):
        return r"^ *%d +[\d.]+ MiB +[\d.]+ MiB +(\S.* )?4 +\d+ +3  %s" % (process.pid, verdict)

    def test_killed_and_restarted(self):
        first = self.leak()
        terminal = self.terminal(80, 24)
        self.top(terminal, "--name", os.path.splitext(self.name)[0])
        terminal.wait(self.row(first, r"\w+"))
        terminal.keys("Enter")
        terminal.wait("leak_here")
        first.kill()
        first.wait()
        terminal.wait("killed; this is the last state of its recording")
        second = self.leak()
        terminal.wait("pid %d ended; going on with pid %d" % (first.pid, second.pid))
        screen = terminal.wait("leak_here")
        self.assertRegex(screen.splitlines()[0], r"^mla top +%d .*alive" % second.pid)
        terminal.keys("Escape")
        screen = terminal.wait(self.row(second, r"\w+"))
        self.assertRegex(screen, r"(?m)^ *%d .* killed" % first.pid)
        self.assertLess(screen.index(str(second.pid)), screen.index(str(first.pid)))
        terminal.keys("q")
        terminal.wait("^END=0$")

    def test_several(self):
        leaks = [self.leak(), self.leak()]
        bare = self.leak(preload=False)
        terminal = self.terminal(200, 60)
        self.top(terminal, "--name", self.name)
        for leak in leaks:
            terminal.wait(self.row(leak, r"\w+"))
        screen = terminal.wait(r"^ *%d +[\d.]+ MiB +- " % bare.pid)
        self.assertIn("3 processes, RSS together", screen)
        pids = [int(pid) for pid in re.findall(r"^ +(\d+) ", screen, re.MULTILINE)]
        self.assertEqual(pids, sorted(pids))
        for _ in range(pids.index(bare.pid)):
            terminal.keys("Down")
        terminal.keys("Home")
        for _ in range(pids.index(bare.pid)):
            terminal.keys("j")
        terminal.keys("Enter")
        terminal.wait("pid %d is not recorded" % bare.pid)
        terminal.keys("q")
        terminal.wait("^END=0$")

    def test_none(self):
        terminal = self.terminal(80, 24)
        self.top(terminal, "--name", self.name)
        terminal.wait("no process of this name runs; mla top waits for one")
        leak = self.leak()
        terminal.wait(r"^ *%d " % leak.pid)
        terminal.keys("q")
        terminal.wait("^END=0$")


class WithoutTerminal(TopCase, CommandLineTest):
    def test_error(self):
        leak = self.leak()
        done = mla("top", str(leak.pid), env=environment(MLA_DIR=self.recordings))
        self.assert_one_line_error(done, "no terminal", "mla top --once", "mla report")
        terminal = self.terminal(80, 24)
        terminal.run("env", "TERM=dumb", harness.BIN, "top", str(leak.pid))
        screen = terminal.wait("^END=2$")
        self.assertIn("mla: TERM=dumb: this terminal cannot place text", screen)

    def test_usage(self):
        self.assert_one_line_error(mla("top"), "--name")
        self.assert_one_line_error(mla("top", "1", "--name", "x"), "--name")
        self.assert_one_line_error(mla("top", "/nonexistent.mla"), "/nonexistent.mla")
        self.assert_one_line_error(mla("top", "--interval", "0", "1"), "--interval")

    def test_once(self):
        leak = self.leak()
        variables = {"MLA_DIR": self.recordings, "LC_ALL": "C.UTF-8"}
        done = mla("top", "--once", str(leak.pid), env=environment(**variables))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^mla top +%d .*alive" % leak.pid)
        self.assertIn("leak_here", done.stdout)
        self.assertNotIn("\x1b", done.stdout)
        self.assertNotIn("q quit", done.stdout)
        done = mla("top", "--once", "--name", self.name, env=environment(**variables))
        self.assertRegex(done.stdout, "(?m)" + self.row_of(leak))
        variables["LC_ALL"] = "C"
        done = mla("top", "--once", str(leak.pid), env=environment(**variables))
        self.assertTrue(done.stdout.isascii(), done.stdout)
        self.assertIn("leak_here", done.stdout)

    def row_of(self, process):
        return r"^ *%d +[\d.]+ MiB +[\d.]+ MiB " % process.pid


if __name__ == "__main__":
    unittest.main()
