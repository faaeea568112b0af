#!/usr/bin/env python3
"""mla leaves a running fleet the way docs/safety.md says, and what is in use survives it."""
import os
import shutil
import signal
import subprocess

import harness

WORKER = """
import sys
kept = []
for line in sys.stdin:
    kept.append([str(i) * 50 for i in range(5000)])
    if line.startswith('run '):
        import subprocess
        done = subprocess.run(line[4:].split(), stderr=subprocess.PIPE)
        print(done.returncode, len(done.stderr), flush=True)
    else:
        print(len(kept), flush=True)
"""


class Removal(harness.Case):
    def setUp(self):
        super().setUp()
        self.library = self.path("libmla.so")
        shutil.copy(harness.LIB, self.library)
        environment = self.environment(LD_PRELOAD=self.library)
        self.worker = self.start([harness.PYTHON, "-c", WORKER], environment,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(self.ask("work"), b"1\n")

    def ask(self, line):
        self.worker.stdin.write(line.encode() + b"\n")
        self.worker.stdin.flush()
        return self.worker.stdout.readline()

    def check_works(self, rounds=20):
        for _ in range(rounds):
            self.assertRegex(self.ask("work"), rb"^\d+\n$")

    def end(self):
        self.worker.stdin.close()
        self.assertEqual(self.worker.wait(timeout=harness.TIMEOUT), 0)

    def test_recording_is_switched_off(self):
        subprocess.run([harness.BIN, "ctl", str(self.worker.pid), "--sample", "off"], check=True,
                       stdout=subprocess.DEVNULL,
                       env=dict(harness.plain_environment(), MLA_DIR=self.recordings))
        self.check_works(3)  # the next event takes it up
        [path] = self.files()
        before = self.read(path)["totals"]["alloc_count"]
        self.check_works()
        self.assertEqual(self.read(path)["totals"]["alloc_count"], before)
        self.end()

    def test_recording_is_deleted(self):
        [path] = self.files()
        os.remove(path)
        self.check_works()
        self.end()
        self.assertEqual(self.files(), [])

    def test_library_is_deleted(self):
        os.remove(self.library)
        self.check_works()
        # Programs that it executes run, and the loader says that there is no such library.
        code, said = self.ask("run /bin/true").split()
        self.assertEqual(code, b"0")
        self.assertGreater(int(said), 0)
        self.end()

    def test_library_is_replaced_by_another_file(self):
        other = self.path("new")
        shutil.copy(harness.LIB, other)
        os.rename(other, self.library)
        self.check_works()
        self.assertEqual(self.ask("run /bin/true"), b"0 0\n")
        self.end()
        [path] = self.files()
        self.assertEqual(self.read(path)["status"], "exited")

    def test_library_that_is_written_over_ends_who_has_it_loaded(self):
        # Why an upgrade renames: of any library in use this is so.
        with open(self.library, "r+b") as file:
            file.truncate(0)
        try:
            self.check_works()
            self.end()
            died = False
        except (AssertionError, BrokenPipeError):
            died = self.worker.wait(timeout=harness.TIMEOUT) in (-signal.SIGBUS, -signal.SIGSEGV)
        self.assertTrue(died)

    def test_program_is_started_without_it(self):
        self.end()
        for path in self.files():
            os.remove(path)
        self.bare([harness.PYTHON, "-c", "print(1)"])
        shell = self.recorded(["sh", "-c", "unset LD_PRELOAD; exec %s -c 'print(len([str(i) for i "
                               "in range(50000)]))'" % harness.PYTHON])
        self.assertEqual(shell.stdout, b"50000\n")
        self.assertEqual([path for path in self.files() if "python" in path], [])


if __name__ == "__main__":
    harness.main()
