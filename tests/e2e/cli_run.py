"""mla run: exit codes, signals, descriptors and environment of the program it runs.

These hold for a program that leaves no recording, too: all but the last class run with a library
that does nothing.
"""
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from cli_support import MLA, CommandLineTest, environment, mla

WAITER = """
import signal, sys, time
count = 0
def handle(number, frame):
    global count
    count += 1
signal.signal(signal.SIGTERM, handle)
print("ready", flush=True)
deadline = time.time() + 60
while count == 0 and time.time() < deadline:
    time.sleep(0.05)
time.sleep(0.3)  # for a second one, which there must not be
print(count, flush=True)
sys.exit(9)
"""


class Run(CommandLineTest):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.library = os.path.join(cls.temporary.name, "libnothing.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "/dev/null", "-o", cls.library],
                       check=True)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.env = environment(MLA_LIBRARY=self.library, MLA_DIR=self.directory.name)

    def run_mla(self, *arguments, **options):
        return mla("run", *arguments, env=self.env, cwd=self.directory.name, **options)

    def test_exit_code(self):
        for code in (0, 1, 7, 255):
            self.assertEqual(self.run_mla("--", "sh", "-c", f"exit {code}").returncode, code)

    def test_dies_by_the_signal_of_the_program(self):
        for name in ("SEGV", "TERM", "KILL", "ABRT", "PIPE", "INT"):
            done = self.run_mla("--", "sh", "-c", f"kill -{name} $$")
            self.assertEqual(done.returncode, -getattr(signal, "SIG" + name), name)

    def test_not_executable(self):
        done = self.run_mla("--", "/nonexistent/program")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (127, 1))
        self.assertIn("/nonexistent/program: cannot be run: No such file", done.stderr)
        done = self.run_mla("--", "/etc/passwd")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (126, 1))

    def test_signals_reach_the_program_once(self):
        with subprocess.Popen([MLA, "run", "--", sys.executable, "-c", WAITER], env=self.env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              cwd=self.directory.name) as process:
            self.assertEqual(process.stdout.readline(), "ready\n")
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=60)
        self.assertEqual((out, process.returncode), ("1\n", 9))

    def test_forwarded_signal_ends_both(self):
        with subprocess.Popen([MLA, "run", "--", "sleep", "60"], env=self.env,
                              stderr=subprocess.PIPE, cwd=self.directory.name) as process:
            time.sleep(0.5)
            process.send_signal(signal.SIGHUP)
            process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGHUP)

    def test_program_sees_the_signal_dispositions_it_would(self):
        probe = "grep -E 'Sig(Blk|Ign)' /proc/self/status"
        plain = subprocess.run(["sh", "-c", probe], capture_output=True, text=True, check=True)
        self.assertEqual(self.run_mla("--", "sh", "-c", probe).stdout, plain.stdout)

    def test_program_inherits_the_same_descriptors(self):
        probe = [sys.executable, "-c", "import os; print(sorted(os.listdir('/proc/self/fd')))"]
        plain = subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               check=True)
        self.assertEqual(self.run_mla("--", *probe).stdout, plain.stdout)

    def test_environment(self):
        self.env["LD_PRELOAD"] = "/nonexistent/theirs.so"
        out = self.run_mla("--no-follow", "--", "env").stdout.splitlines()
        self.assertIn(f"LD_PRELOAD={self.library}:/nonexistent/theirs.so", out)
        self.assertIn("MLA_FOLLOW=0", out)
        run_directory = [line for line in out if line.startswith("MLA_DIR=")]
        self.assertEqual(len(run_directory), 1)
        self.assertTrue(run_directory[0].startswith(f"MLA_DIR={self.directory.name}/run-"))
        self.assertFalse([line for line in out if line.startswith("MLA_ALLOCATOR=")])

    def test_allocator_follows_libmla(self):
        out = self.run_mla("--allocator", self.library, "--", "env").stdout.splitlines()
        self.assertIn(f"MLA_ALLOCATOR={self.library}", out)
        self.assertIn(f"LD_PRELOAD={self.library}:{self.library}", out)
        out = self.run_mla("--allocator", "ptmalloc2", "--", "env").stdout.splitlines()
        self.assertIn(f"LD_PRELOAD={self.library}", out)

    def test_standard_input_and_output_are_the_programs(self):
        done = self.run_mla("--", "cat", stdin=None, input="hello")
        self.assertEqual(done.stdout, "hello")

    def test_no_recording_is_said_and_nothing_is_left(self):
        done = self.run_mla("--", "true")
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertIn("no recording of true", done.stderr)
        self.assertEqual(os.listdir(self.directory.name), [])

    def test_static_program(self):
        source = os.path.join(self.directory.name, "static.c")
        program = os.path.join(self.directory.name, "static")
        with open(source, "w", encoding="ascii") as out:
            out.write("int main(void) { return 5; }\n")
        subprocess.run(["cc", "-static", source, "-o", program], check=True)
        done = self.run_mla("--", program)
        self.assertEqual(done.returncode, 5)
        self.assertIn("statically linked", done.stderr)

    def test_words_without_the_marker(self):
        self.assertEqual(self.run_mla("sh", "-c", "exit 4").returncode, 4)

    def test_closed_standard_error_does_not_change_the_exit_code(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = self.run_mla("--", "sh", "-c", "exit 6", stderr=writer)
        os.close(writer)
        self.assertEqual(done.returncode, 6)

    def test_no_progress_without_a_terminal(self):
        done = self.run_mla("--", "sleep", "1.3")
        self.assertNotIn("\r", done.stderr)


if __name__ == "__main__":
    unittest.main()
