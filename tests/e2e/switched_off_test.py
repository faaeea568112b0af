#!/usr/bin/env python3
"""A process whose recording is switched off and on again: what was allocated meanwhile is unknown,
and nothing that is said may rest on it."""
import json
import os
import subprocess
import unittest

import harness

# Does what it reads from its input: keeps MiB, in blocks of malloc, or works for so many seconds.
PROGRAM = """
import sys, time
kept = []
def work(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        blocks = [bytearray(20000) for _ in range(100)]
        time.sleep(0.002)
for line in sys.stdin:
    what, number = line.split()
    if what == "keep":
        for _ in range(int(number) * 1024):
            kept.append(bytearray(b"x" * 1000))
    work(float(number) if what == "work" else 0.1)
    print("done", flush=True)
"""

# Allocates with ever more call stacks.
STACKS = """
import time
for i in range(1000):
    exec("def f%d(g): return g()" % i)
functions = [globals()["f%d" % i] for i in range(1000)]
kept = [f(lambda: g(lambda: bytearray(700))) for f in functions for g in functions[::20]]
print("done", flush=True)
time.sleep(600)
"""


class SwitchedOff(harness.Case):
    def mla(self, *arguments):
        return subprocess.run([harness.BIN] + list(arguments), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True,
                              timeout=harness.TIMEOUT, env=dict(harness.plain_environment(),
                                                                MLA_DIR=self.recordings))

    def begin(self, **variables):
        # No other process of this host has its name.
        self.name = "switched_off_%d.py" % os.getpid()
        with open(self.path(self.name), "w", encoding="ascii") as script:
            script.write(PROGRAM)
        self.process = self.start([harness.PYTHON, self.path(self.name)],
                                  self.environment(**variables), stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.do("work 1")
        harness.wait_for(self.files, "the program is recorded")
        self.pid = str(self.process.pid)

    def do(self, command):
        self.process.stdin.write((command + "\n").encode("ascii"))
        self.process.stdin.flush()
        self.assertEqual(self.process.stdout.readline(), b"done\n")

    def maps_to_write(self, pid, path):
        with open("/proc/%d/maps" % pid, encoding="ascii") as maps:
            return any("rw-s" in line and line.endswith(path + "\n") for line in maps)

    def state(self, pid):
        with open("/proc/%d/stat" % pid, encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]

    def sample(self, how):
        self.assertEqual(self.mla("ctl", self.pid, "--sample", how).returncode, 0)
        self.do("work 0.2")

    def report(self):
        return self.read(self.files()[0])

    def test_leak_that_nobody_saw(self):
        self.begin()
        self.do("work 2")
        self.assertIsNone(self.report()["sampling"]["off"])
        self.sample("off")
        self.do("keep 60")

        leaks = self.mla("leaks", self.pid)
        self.assertEqual(leaks.returncode, 3, leaks.stdout)
        self.assertIn("recording is off: blocks that are allocated now are not known", leaks.stdout)
        self.assertRegex(leaks.stdout, r"recording is off since \d.*: blocks allocated then are")
        self.assertIn("mla ctl %s --sample exact" % self.pid, leaks.stdout)
        off = self.report()["sampling"]["off"]
        self.assertIsNone(off["to_s"])
        self.assertGreater(off["from_s"], 2)

        self.sample("exact")
        for command in ("work 0.5", "work 2"):
            self.do(command)
            leaks = self.mla("leaks", self.pid)
            self.assertEqual(leaks.returncode, 3, leaks.stdout)
            self.assertRegex(leaks.stdout, r"recording was off from .* s to .* s: blocks ")
        document = json.loads(self.mla("leaks", "--json", self.pid).stdout)
        self.assertEqual(document["verdict"], "insufficient")
        self.assertIn("recording was off from", document["recording_off"])
        why = self.mla("why", self.pid)
        self.assertIn("may be blocks of while recording was off", why.stdout)
        self.assertNotIn("Retention", why.stdout)
        self.assertEqual(json.loads(self.mla("why", "--json", self.pid).stdout)["diagnosis"],
                         "not_recorded")
        report = self.report()
        off = report["sampling"]["off"]
        self.assertTrue(off["first_s"] == off["from_s"] < off["to_s"], off)
        self.assertLess(report["totals"]["live_bytes"], 20 << 20)
        self.assertIn(off["sentence"], self.mla("report", self.pid).stdout)

    def test_started_off(self):
        self.begin(MLA_SAMPLE="off")
        self.assertEqual(self.mla("leaks", self.pid).returncode, 3)
        off = self.report()["sampling"]["off"]
        self.assertLess(off["first_s"], 1)
        self.do("keep 40")
        self.sample("exact")
        self.do("work 1")
        leaks = self.mla("leaks", self.pid)
        self.assertEqual(leaks.returncode, 3, leaks.stdout)
        self.assertIn("recording was off from 0", leaks.stdout)


class Stopped(SwitchedOff):
    """A recording that stops while its process goes on."""

    test_leak_that_nobody_saw = test_started_off = None

    def test_it_is_said(self):
        limited = ["sh", "-c", 'ulimit -f 1000; exec "$@"', "sh", harness.PYTHON, "-c", STACKS]
        self.process = self.start(limited, self.environment(MLA_FOLLOW=None),
                                  stdout=subprocess.PIPE)
        self.assertEqual(self.process.stdout.readline(), b"done\n")
        pid = str(self.process.pid)
        recording = json.loads(self.mla("ps", "--json").stdout)["recordings"]
        [of] = [one for one in recording if str(one["pid"]) == pid and one["status"] == "alive"]
        self.assertEqual((of["stop_reason"], of["sampling"]), ("file_limit", "exact"))
        self.assertRegex(self.mla("ps").stdout, r"alive .* stopped .*\n +recording stopped after ")
        refused = self.mla("ctl", pid, "--sample", "off")
        self.assertEqual(refused.returncode, 2)
        self.assertRegex(refused.stderr, "recording stopped after .*RLIMIT_FSIZE.*restart")
        leaks = self.mla("leaks", pid).stdout
        self.assertRegex(leaks, "note +recording stopped after .*RLIMIT_FSIZE")
        self.assertNotRegex(leaks, "run .* more")
        metrics = self.mla("report", "--prometheus", pid).stdout
        self.assertRegex(metrics, r'mla_recording_stopped\{.*reason="file_limit".*\} 1\n')
        self.assertRegex(metrics, r'mla_recording_stopped\{.*reason="no_space".*\} 0\n')
        self.assertRegex(metrics, r'mla_sampling_mode\{.*mla_sampling_mode="exact".*\} 1\n')


class Control(SwitchedOff):
    test_leak_that_nobody_saw = test_started_off = None

    def test_wait_and_name(self):
        self.begin()
        idle = self.mla("ctl", self.pid, "--sample", "64K", "--wait", "0.2")
        self.assertEqual(idle.returncode, 3, idle.stdout)
        self.assertIn("it will when it next allocates", idle.stdout)
        self.process.stdin.write(b"work 600\n")
        self.process.stdin.flush()
        done = self.mla("ctl", "--name", self.name, "--sample", "exact", "--wait", "60")
        self.assertIn("process %s records every allocation" % self.pid, done.stdout)
        self.assertEqual(self.mla("ctl", "--name", "no-such-program", "--sample",
                                  "off").returncode, 2)
        self.assertEqual(self.mla("ctl", "--sample", "off").returncode, 2)

    def test_unrecorded_processes_of_the_name(self):
        self.begin()
        other = self.start([harness.PYTHON, self.path(self.name)], harness.plain_environment(),
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        other.stdin.write(b"work 0.01\n")
        other.stdin.flush()
        self.assertEqual(other.stdout.readline(), b"done\n")
        self.process.stdin.write(b"work 600\n")
        self.process.stdin.flush()
        done = self.mla("ctl", "--name", self.name, "--sample", "64K", "--wait", "60")
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn("process %s records one allocation in 64.0 KiB" % self.pid, done.stdout)
        self.assertIn("process %d is not recorded, or not yet" % other.pid, done.stdout)

    def waits(self, *arguments):
        """A command that asks something of the process, which is idle: the request stays one."""
        command = self.start([harness.BIN, *arguments],
                             dict(harness.plain_environment(), MLA_DIR=self.recordings),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # It has the file open, and sleeps between two looks.
        harness.wait_for(lambda: self.maps_to_write(command.pid, self.files()[0])
                         and self.state(command.pid) == "S", "the request")
        return command

    def test_recording_that_is_cut_meanwhile(self):
        for arguments, code, words in (
                (("ctl", "--sample", "64K", "--wait", "86400"), 3, b"is recorded no more\n"),
                (("py", "--timeout", "86400"), 2, b"its recording was cut short by somebody")):
            self.begin()
            command = self.waits(arguments[0], self.pid, *arguments[1:])
            os.truncate(self.files()[0], 0)
            said, error = command.communicate(timeout=harness.TIMEOUT)
            self.assertEqual(command.returncode, code, error)
            self.assertIn(words, said + error)
            self.process.kill()
            self.process.wait()
            os.remove(self.files()[0])

    def test_process_that_ends_meanwhile(self):
        self.begin()
        waiting = self.waits("ctl", self.pid, "--sample", "64K", "--wait", "86400")
        self.process.kill()
        self.process.wait()
        said, _ = waiting.communicate(timeout=harness.TIMEOUT)
        self.assertEqual(waiting.returncode, 3)
        self.assertEqual(said, b"process %s is recorded no more\n" % self.pid.encode("ascii"))


if __name__ == "__main__":
    harness.main()
