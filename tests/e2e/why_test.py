#!/usr/bin/env python3
"""mla why: the ledger adds up to RSS, the diagnosis is right, and what it rests on survives kill
-9.

Argument: "usual" for ptmalloc2, "others" for the other allocators. Then unittest's arguments.
"""
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request

import harness

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
SERVER = os.path.join(ROOT, "tools/demo/run_server.py")
LOAD = os.path.join(ROOT, "tools/demo/load.py")
WHICH = sys.argv.pop(1) if len(sys.argv) > 1 else "usual"
ALLOCATORS = ["ptmalloc2"] if WHICH == "usual" else [
    name for name in harness.installed_allocators() if name != "ptmalloc2"]
USUAL = WHICH == "usual"
MAX_RESIDUAL = 0.03


class WhyCase(harness.Case):
    def why(self, target, *options):
        done = subprocess.run([harness.BIN, "why", "--json", *options, str(target)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=dict(os.environ, MLA_DIR=self.recordings),
                              timeout=harness.TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout.decode("utf-8"))
        self.assertEqual(sum(found["buckets"].values()) + found["residual_bytes"],
                         found["rss_bytes"])
        return found

    def has_ledger(self, pid):
        return subprocess.run([harness.BIN, "why", str(pid)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=harness.TIMEOUT,
                              env=dict(os.environ, MLA_DIR=self.recordings)).returncode == 0

    def check_residual(self, found):
        self.assertLessEqual(abs(found["residual_bytes"]), MAX_RESIDUAL * found["rss_bytes"],
                             json.dumps(found, indent=1)[:3000])

    def start_program(self, name, allocator, *arguments, **variables):
        process = self.start([harness.program(name), *arguments],
                             self.environment(allocator, MLA_UNWIND_CHECK=None, **variables),
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        return process, process.stdout.readline().decode("ascii").strip()

    def recording_of(self, name):
        files = [path for path in self.files() if os.path.basename(path).startswith("mla-" + name)]
        self.assertEqual(len(files), 1, files)
        return files[0]

    def wait_for_why(self, target, condition, what):
        found = {}

        def holds():
            found.update(self.why(target))
            return condition(found)
        harness.wait_for(holds, what)
        return found


class Pins(WhyCase):
    def test_pinned_pages(self):
        for allocator in ALLOCATORS:
            with self.subTest(allocator=allocator):
                process, pages = self.start_program("page_pins", allocator)
                truth = int(pages) * 4096
                found = self.wait_for_why(process.pid, lambda f: not f["stale"], "a ledger at rest")
                self.check_residual(found)
                self.assertEqual(found["diagnosis"], "pinned", found["sentence"])
                self.assertAlmostEqual(found["buckets"]["allocator_pinned"], truth,
                                       delta=0.05 * truth)
                top = found["pinned_by"][0]
                self.assertIn("pin_page", top["stack"])
                self.assertAlmostEqual(top["bytes"], truth, delta=0.05 * truth)
                self.assertGreater(found["pinned_pages"], 0.95 * int(pages))
                process.kill()
                process.wait()
                dead = self.why(self.recording_of("page_pins"))
                self.assertEqual(dead["status"], "killed")
                self.assertIsNone(dead["age_s"])
                self.assertGreater(dead["walk"]["ended_s"], 0)
                self.assertEqual(dead["diagnosis"], "pinned")
                self.check_residual(dead)
                os.unlink(self.recording_of("page_pins"))


class Server(WhyCase):
    def serve(self, allocator, mode, requests):
        """A demo server after a load, idle: its process, and what mla why says."""
        process = self.start([harness.PYTHON, SERVER, *mode],
                             self.environment(allocator, MLA_UNWIND_CHECK=None),
                             stdout=subprocess.PIPE)
        port = re.search(r":(\d+)$", process.stdout.readline().decode("ascii").strip()).group(1)
        load = subprocess.run([sys.executable, LOAD, port, "--requests", str(requests)],
                              stdout=subprocess.PIPE, timeout=harness.TIMEOUT)
        self.assertEqual(load.returncode, 0, load.stdout)
        found = self.why(process.pid)
        # An idle process looks at its pages when it next allocates; on a busy machine the last look
        # may lie before much of the load. So some small pages are asked for, as a user would.
        for _ in range(5):
            if abs(found["residual_bytes"]) <= MAX_RESIDUAL * found["rss_bytes"]:
                break
            done = threading.Event()
            client = threading.Thread(target=self.ask_for_pages, args=(port, done))
            client.start()
            found = self.why(process.pid)
            done.set()
            client.join()
        return process, found

    @staticmethod
    def ask_for_pages(port, done):
        while not done.wait(0.005):
            urllib.request.urlopen("http://127.0.0.1:%s/stats" % port, timeout=30).read()

    def test_burst_is_retention(self):
        for allocator in ALLOCATORS:
            with self.subTest(allocator=allocator):
                process, found = self.serve(allocator, ["--burst"], 300)
                self.assertEqual(found["diagnosis"], "retention", found["sentence"])
                self.check_residual(found)
                process.kill()

    def test_leak_is_growth(self):
        for allocator in ALLOCATORS:
            with self.subTest(allocator=allocator):
                process, found = self.serve(allocator, ["--leak", "native"], 300)
                self.assertEqual(found["diagnosis"], "live_growth", found["sentence"])
                self.check_residual(found)
                process.kill()

    def test_clean_is_neither(self):
        for allocator in ALLOCATORS:
            with self.subTest(allocator=allocator):
                process, found = self.serve(allocator, ["--clean"], 300)
                self.assertNotEqual(found["diagnosis"], "live_growth", found["sentence"])
                if allocator == "ptmalloc2":
                    self.assertNotEqual(found["diagnosis"], "retention", found["sentence"])
                self.check_residual(found)
                process.kill()


class Trim(WhyCase):
    def test_probe(self):
        for allocator in ALLOCATORS:
            with self.subTest(allocator=allocator):
                process, _ = self.start_program("trim_host", allocator)
                probe = self.why(process.pid, "--probe")["probe"]
                self.assertGreater(probe["rss_before_bytes"], 0)
                self.assertGreater(probe["rss_after_bytes"], 0)
                if allocator == "ptmalloc2":
                    self.assertLess(probe["rss_after_bytes"], probe["rss_before_bytes"] - 40e6)
                process.communicate(b"x")
                self.assertEqual(process.returncode, 0)

    def test_interval(self):
        # With recording off, and with allocations in a signal handler meanwhile.
        for allocator in ALLOCATORS:
            for variables in ({"MLA_SAMPLE": "off"}, {}):
                with self.subTest(allocator=allocator, variables=variables):
                    process, _ = self.start_program("trim_host", allocator, "signals",
                                                    MLA_TRIM_INTERVAL="20ms", **variables)
                    harness.wait_for(lambda: self.why(process.pid)["trims"] >= 5, "five trims")
                    process.communicate(b"x")
                    self.assertEqual(process.returncode, 0)
                    os.unlink(self.recording_of("trim_host"))

    def test_probe_of_an_idle_process(self):
        if not USUAL:
            return
        process, _ = self.start_program("trim_host", "ptmalloc2")
        harness.wait_for(lambda: self.has_ledger(process.pid), "the process looks at its pages")
        process.send_signal(signal.SIGSTOP)
        done = subprocess.run([harness.BIN, "why", "--probe", str(process.pid)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=dict(os.environ, MLA_DIR=self.recordings),
                              timeout=harness.TIMEOUT)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"did not allocate", done.stderr)
        process.send_signal(signal.SIGCONT)

    def test_probe_of_a_dead_process(self):
        if not USUAL:
            return
        process, _ = self.start_program("trim_host", "ptmalloc2")
        process.communicate(b"x")
        done = subprocess.run([harness.BIN, "why", "--probe", self.recording_of("trim_host")],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=harness.TIMEOUT)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"needs a living process", done.stderr)


class Text(WhyCase):
    def test_table(self):
        if not USUAL:
            return
        process, _ = self.start_program("trim_host", "ptmalloc2")
        process.communicate(b"x")
        path = self.recording_of("trim_host")
        for locale, full, other in (("C", "#", "\u2588"), ("C.UTF-8", "\u2588", "#")):
            done = subprocess.run([harness.BIN, "why", path], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=harness.TIMEOUT,
                                  env=dict(os.environ, LC_ALL=locale))
            text = done.stdout.decode("utf-8")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(full, text)
            self.assertNotIn(other, text)
            self.assertNotIn("\033", text)
            self.assertIn("residual", text)
            for line in text.splitlines():
                self.assertLessEqual(len(line), 120, line)


if __name__ == "__main__":
    harness.main()
