"""Whose recordings one may read: who may not is told so, not that there are none."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from cli_support import MLA, CommandLineTest, environment, mla

SOMEBODY = 60000 + os.getpid() % 5000  # not nobody, who may have recordings in /dev/shm
KEEPS = "kept = [bytearray(5000) for _ in range(2000)]\nprint('ready', flush=True)\n" \
        "__import__('sys').stdin.read()"


@unittest.skipUnless(os.geteuid() == 0, "only root can be somebody else")
class Users(CommandLineTest):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        os.chmod(self.place, 0o755)
        self.program = shutil.copy(MLA, self.place)  # where the build is may be closed to others
        self.closed = os.path.join(self.place, "closed")
        os.mkdir(self.closed, 0o700)
        self.process = subprocess.Popen(
            [sys.executable, "-c", KEEPS], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=environment(LD_PRELOAD=os.environ["MLA_LIB"], MLA_DIR=self.closed))
        self.addCleanup(self.process.communicate)
        self.process.stdout.readline()
        self.pid = str(self.process.pid)

    def as_somebody(self, *arguments):
        return subprocess.run([self.program, *arguments], user=SOMEBODY, group=SOMEBODY,
                              extra_groups=[], env=environment(MLA_DIR=self.closed),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60)

    def test_a_process_of_another_user(self):
        for command in (["report"], ["why"], ["leaks"], ["top", "--once"], ["py"],
                        ["push", "--parca", "http://localhost:1"], ["diff", self.pid]):
            self.assert_one_line_error(self.as_somebody(*command, self.pid),
                                       "runs as root, whose recordings", "run mla as root")
        self.assert_one_line_error(self.as_somebody("stacks", self.pid), "belongs to another user")

    def test_a_file_in_a_directory_of_another_user(self):
        [name] = os.listdir(self.closed)
        path = os.path.join(self.closed, name)
        self.assert_one_line_error(self.as_somebody("report", path), "may not be read by", "owner")
        os.chmod(self.closed, 0o755)
        self.assert_one_line_error(self.as_somebody("report", path), "ermission denied")

    def test_ps_names_the_directories_that_may_not_be_read(self):
        done = self.as_somebody("ps")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("no recordings in %s" % self.closed, done.stdout)
        self.assertRegex(done.stdout, r"closed belongs to root and may not be read by user \d+: "
                                      r"run mla as root\n")
        self.assertIn(self.pid, mla("ps", env=environment(MLA_DIR=self.closed)).stdout)

    def test_stacks_for_a_root_that_may_not_trace(self):
        """As in a container."""
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            self.skipTest("setpriv is not here: util-linux")
        done = subprocess.run([setpriv, "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", MLA,
                               "stacks", self.pid], env=environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assert_one_line_error(done, "without CAP_SYS_PTRACE", "--cap-add SYS_PTRACE")


if __name__ == "__main__":
    unittest.main()
