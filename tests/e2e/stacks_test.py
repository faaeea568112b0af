#!/usr/bin/env python3
"""mla stacks: every thread is where it is known to be, and the process is none the worse for it.

"usual": C++ and the system's python3. "versions": on every CPython that pyenv has.
"""
import collections
import glob
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

import harness

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
SERVER = os.path.join(ROOT, "tools/demo/run_server.py")
LOAD = os.path.join(ROOT, "tools/demo/load.py")
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python/waiting.py")
SCHEMA = os.path.join(ROOT, "docs/schema/stacks-v1.json")
# scene -> state, Python functions innermost first, those outside of Thread's own
SCENES = {
    "lock": ("lock", ["lock"]),
    "sleep": ("sleep", ["sleep"]),
    "poll": ("poll", ["polling"]),
    "epoll": ("poll", ["epolling"]),
    "io": ("io", ["reading"]),
    "generator": ("sleep", ["produce", "generator"]),
    "callback": ("sleep", ["compare", "callback"]),
    "deep": ("sleep", ["deep"] * 301),
    "coroutine": ("sleep", ["inner"]),  # has lines of its own, see there
}


def line_of(scene):
    with open(SCRIPT) as file:
        for number, line in enumerate(file, 1):
            if line.rstrip().endswith("# at " + scene):
                return number
    raise AssertionError(scene)


def python_frames(thread):
    return [frame for frame in thread["stack"] if frame["kind"] == "python"]


def short(name):
    return name.split(".")[-1]


def process_status(pid, name):
    with open("/proc/%d/status" % pid) as file:
        return re.search(r"^%s:\s*(\S+)" % name, file.read(), re.MULTILINE).group(1)


class StacksCase(harness.Case):
    def ready(self, argv, **options):
        process = self.start(argv, harness.plain_environment(), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, **options)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process

    def mla(self, *arguments, binary=harness.BIN, **options):
        return subprocess.run([binary, *map(str, arguments)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=harness.TIMEOUT, **options)

    def stacks(self, *arguments):
        done = self.mla("stacks", "--json", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return json.loads(done.stdout.decode("utf-8"))

    def text(self, *arguments):
        done = self.mla("stacks", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout.decode("utf-8")

    def settled(self, process, count, scenes=()):
        """What is seen once `count` threads wait for something, all those of the scenes where they
        are to wait."""
        seen = {}
        wanted = {SCENES[scene][1][0] for scene in scenes}

        def all_wait():
            seen.update(self.stacks(process.pid))
            waiting = [t for t in seen["threads"] if t["state"] not in ("running", "gil") and
                       t["system_call"] != "write"]  # of "ready"
            innermost = {short(python_frames(t)[0]["function"]) for t in waiting
                         if python_frames(t)}
            return len(waiting) >= count and wanted <= innermost
        harness.wait_for(all_wait, "%d threads wait" % count)
        return seen

    def refused(self, *arguments, words=(), **options):
        done = self.mla("stacks", *arguments, **options)
        text = done.stderr.decode("utf-8")
        self.assertEqual((done.returncode, done.stdout, text.count("\n")), (2, b"", 1), text)
        self.assertRegex(text, "^mla: .+: .+: .+")
        for word in words:
            self.assertIn(word, text)

    def ends_well(self, process):
        self.assertNotIn(process_status(process.pid, "State"), "Tt")
        self.assertEqual(process_status(process.pid, "TracerPid"), "0")
        output, _ = process.communicate(b"x", timeout=harness.TIMEOUT)
        self.assertEqual((process.returncode, output), (7, b"done\n"))


class Native(StacksCase):
    def host(self, *arguments):
        return self.ready([harness.program("stacks_host"), *arguments])

    def thread_in(self, found, function):
        [thread] = [t for t in found["threads"]
                    if any(f["function"] and harness.matches(f["function"], function)
                           for f in t["stack"])]
        return thread

    def test_known_frames(self):
        process = self.host()
        found = self.settled(process, 3)
        self.assertEqual((found["pid"], found["python"], found["core"]), (process.pid, None, None))
        self.assertGreater(found["stopped_s"], 0)
        self.assertEqual(found["notes"], [])
        locker = self.thread_in(found, "wait_for_mutex")
        self.assertEqual((locker["name"], locker["state"]), ("a \"locker\"", "lock"))
        spinner = self.thread_in(found, "spin_for_ever")
        self.assertEqual((spinner["state"], spinner["system_call"]), ("running", None))
        deep = self.thread_in(found, "sleep_long")
        self.assertEqual(deep["state"], "sleep")
        names = [f["function"] for f in deep["stack"] if f["kind"] == "native"]
        self.assertEqual(names.count("go_down"), 51)
        [line] = {f["line"] for f in deep["stack"] if f["function"] == "sleep_long"}
        with open(os.path.join(ROOT, "tests/e2e/programs/stacks_host.cc")) as file:
            self.assertIn("nanosleep(", file.readlines()[line - 1])
        main = self.thread_in(found, "main")
        self.assertEqual((main["tid"], main["state"]), (process.pid, "io"))
        # No stack was cut short.
        self.assertFalse([f for t in found["threads"] for f in t["stack"]
                          if (f["function"] or "").startswith("[")])
        # Asked again, what waits for a time says the same, though the kernel restarts its call.
        again = self.stacks(process.pid)
        self.assertEqual(self.thread_in(again, "sleep_long")["system_call"], deep["system_call"])
        self.ends_well(process)

    def test_chosen_threads(self):
        process = self.host()
        tids = [t["tid"] for t in self.stacks(process.pid)["threads"]]
        self.assertEqual(len(tids), 4)
        found = self.stacks("--threads", "%d,%d" % (tids[1], tids[3]), process.pid)
        self.assertEqual([t["tid"] for t in found["threads"]], [tids[1], tids[3]])
        self.assertEqual(len(self.stacks(tids[2])["threads"]), 4)  # a thread stands for its process
        self.refused("--threads", "1", process.pid, words=["thread 1"])
        self.ends_well(process)

    def test_stopped_stays_stopped(self):
        process = self.host()
        self.settled(process, 3)
        process.send_signal(signal.SIGSTOP)
        harness.wait_for(lambda: process_status(process.pid, "State") == "T", "it stops")
        found = self.stacks(process.pid)
        self.assertEqual({t["stopped"] for t in found["threads"]}, {True})
        self.thread_in(found, "wait_for_mutex")
        for tid in os.listdir("/proc/%d/task" % process.pid):
            # On its way back from the tracer's stop to its own a thread is seen in neither.
            harness.wait_for(lambda: process_status(int(tid), "State") == "T", "it stays stopped")
        process.send_signal(signal.SIGCONT)
        harness.wait_for(lambda: process_status(process.pid, "State") != "T", "it goes on")
        self.assertEqual({t["stopped"] for t in self.stacks(process.pid)["threads"]}, {False})
        self.ends_well(process)

    def test_mla_killed_or_interrupted(self):
        process = self.host()
        chance = random.Random(5)
        for number in (signal.SIGKILL, signal.SIGINT) * 20:
            looker = self.start([harness.BIN, "stacks", str(process.pid)],
                                harness.plain_environment(), stdout=subprocess.DEVNULL)
            time.sleep(chance.random() * 0.05)
            looker.send_signal(number)
            looker.wait(harness.TIMEOUT)
            harness.wait_for(lambda: process_status(process.pid, "TracerPid") == "0", "let go")
            self.assertNotIn(process_status(process.pid, "State"), "Tt")
        self.ends_well(process)

    def test_threads_that_come_and_go(self):
        process = self.host("churn")
        for _ in range(20):
            found = self.stacks(process.pid)
            self.assertIn(process.pid, [t["tid"] for t in found["threads"]])
        process.kill()

    def test_first_thread_has_ended(self):
        process = self.host("headless")
        harness.wait_for(lambda: process_status(process.pid, "State") == "Z", "it ends")
        found = self.settled(process, 2)
        self.assertNotIn(process.pid, [t["tid"] for t in found["threads"]])
        self.assertEqual(self.thread_in(found, "wait_for_mutex")["state"], "lock")
        process.kill()

    def test_process_that_ends(self):
        for delay in range(20):
            process = self.start([harness.PYTHON, "-S", "-c", "pass"], harness.plain_environment())
            time.sleep(delay / 1000)
            done = self.mla("stacks", process.pid)
            self.assertIn(done.returncode, (0, 2), done.stderr)
            if done.returncode == 2:
                self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
            process.wait()
        self.refused(process.pid, words=["no such process"])

    def test_none_to_look_at(self):
        zombie = self.start([harness.PYTHON, "-c", "pass"], harness.plain_environment())
        harness.wait_for(lambda: process_status(zombie.pid, "State") == "Z", "it ends")
        self.refused(zombie.pid, words=["zombie"])
        self.refused("2147483647", words=["no such process"])
        self.refused("0")
        self.refused()
        self.refused("--core", "/etc/passwd", words=["no core file"])
        self.refused("--core", self.path("absent"), words=["No such file"])
        done = subprocess.run(["sh", "-c", "exec %s stacks $$" % harness.BIN],
                              stderr=subprocess.PIPE, timeout=harness.TIMEOUT)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"is mla itself", done.stderr)

    @unittest.skipUnless(os.path.exists("/proc/2/stack") and os.geteuid() == 0, "needs the host")
    def test_kernel_thread(self):
        with open("/proc/2/comm") as file:
            if file.read() != "kthreadd\n":
                self.skipTest("pid 2 is no thread of the kernel here")
        self.refused(2, words=["of the kernel"])

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root and setpriv")
    def test_no_permission(self):
        process = self.host()
        mine = self.path("mla")
        shutil.copy(harness.BIN, mine)
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", mine,
                               "stacks", str(process.pid)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=harness.TIMEOUT)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(b"belongs to another user: run mla as", done.stderr)
        self.ends_well(process)

    @unittest.skipUnless(shutil.which("gdb"), "needs gdb")
    def test_traced_already(self):
        process = self.host()
        tracer = self.start(["gdb", "-q", "-nx", "-p", str(process.pid)],
                            harness.plain_environment(), stdin=subprocess.PIPE,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.wait_for(lambda: process_status(process.pid, "TracerPid") != "0", "gdb attaches")
        self.refused(process.pid, words=["is traced by process %d" % tracer.pid])
        tracer.communicate(b"detach\nquit\n", timeout=harness.TIMEOUT)
        self.ends_well(process)


class Python(StacksCase):
    PYTHONS = [harness.PYTHON]

    def on_each(self, test):
        for python in self.PYTHONS:
            with self.subTest(python=python):
                test(python)

    def test_scenes(self):
        self.on_each(self.check_scenes)

    def check_scenes(self, python):
        scenes = [scene for scene in sorted(SCENES) if scene != "coroutine"]
        asynchronous = subprocess.run([python, "-c", "import asyncio; asyncio.run"],
                                      stderr=subprocess.DEVNULL).returncode == 0
        more = ["coroutine"] if asynchronous else []
        process = self.ready([python, "-B", SCRIPT] + scenes + more)
        found = self.settled(process, len(scenes) + len(more) + 1, scenes + more)
        self.check(found, scenes, more, process.pid)
        # Looked at once more it is where it was: no call has returned for it.
        self.check(self.stacks(process.pid), scenes, more, process.pid)
        self.ends_well(process)

    def check(self, found, scenes, more, pid):
        with open(SCHEMA) as file:
            schema = json.load(file)
        self.assertEqual(sorted(found), sorted(schema["properties"]))
        self.assertEqual(found["notes"], [])
        threads = {}
        for thread in found["threads"]:
            self.assertEqual(sorted(thread), sorted(schema["$defs"]["thread"]["properties"]))
            self.assertEqual(thread["python_stack"], "merged")
            self.assertFalse(thread["holds_gil"])
            for frame in thread["stack"]:
                self.assertEqual(sorted(frame), sorted(schema["$defs"]["frame"]["properties"]))
            frames = [(short(f["function"]), os.path.basename(f["file"]), f["line"])
                      for f in python_frames(thread)]
            threads[frames[0][0]] = (thread, frames)
        for scene in scenes:
            state, functions = SCENES[scene]
            thread, frames = threads[functions[0]]
            own = [f for f in frames if f[1] == "waiting.py"]
            self.assertEqual([f[0] for f in own], functions, scene)
            self.assertEqual(own[0], (functions[0], "waiting.py", line_of(scene)))
            self.assertEqual(thread["state"], state, scene)
            self.assertEqual({f[1] for f in frames[len(own):]}, {"threading.py"})
        if more:
            _, frames = threads["inner"]
            own = [f for f in frames if f[1] == "asynchronous.py"]
            self.assertEqual(own, [("inner", "asynchronous.py", 4), ("outer", "asynchronous.py", 6),
                                   ("in_a_coroutine", "asynchronous.py", 8)])
        main, frames = threads["main"]
        self.assertEqual((main["tid"], main["state"]), (pid, "io"))
        self.assertEqual([f[0] for f in frames], ["main", "<module>"])
        # C between Python and Python stands where it was called.
        thread, _ = threads["compare"]
        order = [short(f["function"] or "") for f in thread["stack"]]
        self.assertLess(order.index("compare"), [i for i, name in enumerate(order)
                                                 if "qsort" in name][0])
        self.assertLess([i for i, name in enumerate(order) if "qsort" in name][-1],
                        order.index("callback"))

    def test_gil(self):
        self.on_each(self.check_gil)

    def check_gil(self, python):
        process = self.ready([python, "-B", SCRIPT, "spin", "spin", "spin", "sleep"])
        states = collections.Counter()
        waiting_beside_holder = 0
        for _ in range(40):
            threads = self.stacks(process.pid)["threads"]
            holders = [t for t in threads if t["holds_gil"]]
            self.assertLessEqual(len(holders), 1)
            states.update(t["state"] for t in threads)
            for thread in threads:
                if thread["state"] == "gil":
                    self.assertFalse(thread["holds_gil"])
                    self.assertIn(python_frames(thread)[0]["function"], ("spin", "sleep", "main"))
                    waiting_beside_holder += len(holders)
            if waiting_beside_holder > 2 and states["running"] > 2:
                break
        self.assertGreater(waiting_beside_holder, 2, states)
        process.kill()

    def test_core(self):
        if shutil.which("gcore") is None:
            self.skipTest("needs gdb's gcore")
        self.on_each(self.check_core)

    def check_core(self, python):
        # What gdb interrupts fails with EINTR, which 2.7 hands on.
        scenes = [scene for scene in sorted(SCENES) if scene != "coroutine" and
                  (scene != "epoll" or "/2.7" not in python)]
        process = self.ready([python, "-B", SCRIPT] + scenes)
        live = self.settled(process, len(scenes) + 1, scenes)
        core = self.core_of(process.pid)
        found = self.stacks("--core", core)
        self.assertEqual((found["core"], found["stopped_s"]), (core, None))
        self.check(found, scenes, [], process.pid)
        for before, after in zip(live["threads"], found["threads"]):
            self.assertEqual([(f["function"], f["line"]) for f in before["stack"]],
                             [(f["function"], f["line"]) for f in after["stack"]])
        os.unlink(core)
        self.ends_well(process)

    def core_of(self, pid):
        done = subprocess.run(["gcore", "-o", self.path("core"), str(pid)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=harness.TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        return self.path("core.%d" % pid)


class System(Python):
    """What need not be seen on every version."""

    def test_recording_in_a_core(self):
        if shutil.which("gcore") is None:
            self.skipTest("needs gdb's gcore")
        process = self.start([harness.PYTHON, "-B", SCRIPT, "sleep"], self.environment(),
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        self.settled(process, 2)
        [path] = self.files()
        expected = self.read(path)
        refused = self.mla("report", self.core_of(process.pid))
        self.assertEqual(refused.returncode, 2)
        self.assertIn(b"without shared memory", refused.stderr)
        self.assertIn(path.encode(), refused.stderr)
        os.unlink(path)  # now it is the process's alone, and gcore writes it
        found = self.read(self.core_of(process.pid))
        self.assertEqual(found["status"], "killed")
        self.assertEqual(found["status_detail"], "from a core file")
        for name in "alloc_count", "alloc_bytes", "live_bytes":
            self.assertEqual(found["totals"][name], expected["totals"][name])
        self.assertEqual(len(found["sites"]), len(expected["sites"]))
        self.ends_well(process)

    def test_core_without_a_recording(self):
        if shutil.which("gcore") is None:
            self.skipTest("needs gdb's gcore")
        process = self.ready([harness.program("stacks_host")])
        refused = self.mla("report", self.core_of(process.pid))
        self.assertEqual(refused.returncode, 2)
        self.assertIn(b"no recording in it", refused.stderr)
        found = self.stacks("--core", self.path("core.%d" % process.pid), "--exe",
                            harness.program("stacks_host"))
        self.assertTrue([f for t in found["threads"] for f in t["stack"]
                         if f["function"] == "wait_for_mutex"])
        self.ends_well(process)

    def test_text(self):
        process = self.ready([harness.PYTHON, "-B", SCRIPT, "sleep", "sleep", "sleep", "callback"])
        self.settled(process, 5, ["callback"])
        text = self.text(process.pid)
        self.assertRegex(text, r'\n3 threads "\S+" sleeping\n')
        self.assertRegex(text, r'\nthread %d "\S+" in I/O: read\n' % process.pid)
        self.assertRegex(text, r"▸ sleep +.*waiting\.py:%d\n" % line_of("sleep"))
        self.assertIn("qsort", text)
        self.assertNotIn("_PyEval_EvalFrameDefault", text)
        self.assertNotIn("\033", text)
        every = self.text("--all", process.pid)
        self.assertEqual(len(re.findall(r"^thread \d+", every, re.MULTILINE)), 5)
        native = self.text("--native", process.pid)
        self.assertIn("__libc_start", native)
        self.ends_well(process)

    def test_server(self):
        process = self.start([harness.PYTHON, SERVER, "--clean"], harness.plain_environment(),
                             stdout=subprocess.PIPE)
        port = re.search(r":(\d+)$", process.stdout.readline().decode("ascii").strip()).group(1)
        threads = self.settled(process, 26)["threads"]
        innermost = collections.Counter(
            [short(f["function"]) for f in python_frames(t)
             if os.path.basename(f["file"]) == "run_server.py"][0] for t in threads)
        self.assertEqual(innermost["work_loop"], 25, innermost)
        load = self.start([sys.executable, LOAD, port, "--requests", "100"],
                          harness.plain_environment(), stdout=subprocess.PIPE)
        looks = 0
        while load.poll() is None and looks < 5:
            threads = self.stacks(process.pid)["threads"]
            looks += 1
            self.assertLessEqual(sum(t["holds_gil"] for t in threads), 1)
            for thread in threads:
                self.assertIn(thread["python_stack"], ("merged", "incomplete"))
                self.assertIn(short(python_frames(thread)[-1]["function"]),
                              ("_bootstrap", "<module>"))
        self.assertEqual(load.wait(harness.TIMEOUT), 0, load.stdout.read())
        self.assertGreater(looks, 0)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(harness.TIMEOUT), 0)


class Versions(Python):
    PYTHONS = [python for python in sorted(glob.glob(os.path.join(
        os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv"), "versions/*/bin/python")))
        if "/3.6." not in python]

    def test_there_are_versions(self):
        """Says which were looked at."""
        if not self.PYTHONS:
            self.skipTest("pyenv has no CPython")
        sys.stderr.write("".join("%s\n" % python for python in self.PYTHONS))


if __name__ == "__main__":
    which = sys.argv.pop(1) if len(sys.argv) > 1 else "usual"
    unittest.main(verbosity=2, defaultTest=["Native", "System"] if which == "usual" else "Versions")
