#!/usr/bin/env python3
"""tools/dev on systems that lack something. Argument: the source tree.

The script runs as an ordinary user, in a copy, with stand-ins for all that would change the system.
"""
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

ROOT = None
NOBODY = 65534
FOUND = ["bash", "cat", "dirname", "env", "grep", "nproc"]
LOG = '#!/bin/sh\necho "$(basename "$0") $*" >> "$LOG"\n'


class Dev(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="mla-dev-")
        self.bin = os.path.join(self.directory, "bin")
        self.log = os.path.join(self.directory, "log")
        os.makedirs(self.bin)
        os.makedirs(os.path.join(self.directory, "tools"))
        for name in ("dev", "packages.txt"):
            shutil.copy(os.path.join(ROOT, "tools", name), os.path.join(self.directory, "tools"))
        for name in FOUND + ["basename"]:
            os.symlink(shutil.which(name), os.path.join(self.bin, name))
        open(self.log, "w").close()
        os.chmod(self.log, 0o666)
        os.chmod(self.directory, 0o755)
        self.stand_in("dpkg-query", "#!/bin/sh\nexit 1\n")
        self.stand_in("apt-get", LOG)
        self.stand_in("cmake", LOG)

    def tearDown(self):
        shutil.rmtree(self.directory)

    def stand_in(self, name, script):
        path = os.path.join(self.bin, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(script)
        os.chmod(path, stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)

    def dev(self, *arguments):
        """Returns (exit code, what it wrote to stderr, what it called)."""
        def become_nobody():
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
        result = subprocess.run(
            [os.path.join(self.directory, "tools", "dev")] + list(arguments),
            env={"PATH": self.bin, "LOG": self.log}, preexec_fn=become_nobody,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True)
        with open(self.log, encoding="utf-8") as file:
            return result.returncode, result.stderr, file.read()

    def assert_one_clear_line(self, code, stderr):
        self.assertEqual(code, 2)
        self.assertEqual(stderr.count("\n"), 1, stderr)
        self.assertRegex(stderr, r"^tools/dev: [^:]+: [^:]+: [^:]+\n$")

    def test_usage(self):
        self.assert_one_clear_line(*self.dev("nonsense")[:2])
        self.assert_one_clear_line(*self.dev("build", "run")[:2])
        self.assertEqual(self.dev("--help")[0], 0)
        self.assertEqual(self.dev()[0], 2)

    def test_no_apt(self):
        os.remove(os.path.join(self.bin, "apt-get"))
        code, stderr, _ = self.dev("build")
        self.assert_one_clear_line(code, stderr)
        self.assertIn("--no-install", stderr)

    def test_no_apt_and_not_wanted(self):
        os.remove(os.path.join(self.bin, "apt-get"))
        code, _, calls = self.dev("build", "--no-install")
        self.assertEqual(code, 0)
        self.assertIn("cmake --build --preset release\n", calls)

    def test_no_sudo(self):
        code, stderr, calls = self.dev("build")
        self.assert_one_clear_line(code, stderr)
        self.assertIn("libdw-dev", stderr)
        self.assertEqual(calls, "")

    def test_sudo_that_asks(self):
        self.stand_in("sudo", "#!/bin/sh\nexit 1\n")
        self.assert_one_clear_line(*self.dev("build")[:2])

    def test_installs(self):
        self.stand_in("sudo", LOG)
        code, _, calls = self.dev("build")
        self.assertEqual(code, 0, calls)
        calls = [line for line in calls.splitlines() if line != "sudo -n true"]
        update = next(i for i, line in enumerate(calls) if line.endswith(" update"))
        self.assertIn("DEBIAN_FRONTEND=noninteractive", calls[update])
        self.assertIn("libdw-dev", calls[update + 1])
        self.assertNotIn("redis-server", calls[update + 1])  # for tests only
        self.assertIn("cmake --preset release", calls)
        if not os.path.exists("/usr/sbin/policy-rc.d"):
            self.assertEqual(calls[0], "sudo tee /usr/sbin/policy-rc.d")
            self.assertEqual(calls[-1], "sudo rm -f /usr/sbin/policy-rc.d")

    def test_apt_fails(self):
        self.stand_in("sudo", LOG + 'case $* in *libdw-dev*) exit 100;; esac\n')
        code, stderr, calls = self.dev("build")
        self.assert_one_clear_line(code, stderr)
        self.assertNotIn("cmake", calls.split("install")[-1].split("\n", 1)[1])

    def test_everything_there(self):
        self.stand_in("dpkg-query", "#!/bin/sh\necho 'ii '\n")
        code, stderr, calls = self.dev("build")
        self.assertEqual((code, stderr), (0, ""))
        self.assertNotIn("apt-get", calls)


if __name__ == "__main__":
    ROOT = sys.argv.pop(1)
    sys.exit(unittest.main())
