"""The Debian package: what is in it, what it needs, and that it works where it is unpacked."""
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import cli_support

BUILD = os.environ["MLA_BUILD"]


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=300, **options)


@unittest.skipUnless(shutil.which("dpkg-deb") and shutil.which("dpkg-shlibdeps"),
                     "no dpkg-dev here")
class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="mla-package-")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        made = run("cpack", "--config", os.path.join(BUILD, "CPackConfig.cmake"),
                   "-B", cls.directory)
        if made.returncode != 0:
            raise AssertionError(made.stdout + made.stderr)
        [name] = [name for name in os.listdir(cls.directory) if name.endswith(".deb")]
        cls.package = os.path.join(cls.directory, name)
        cls.root = os.path.join(cls.directory, "root")
        subprocess.run(["dpkg-deb", "-x", cls.package, cls.root], check=True)

    def path(self, *parts):
        return os.path.join(self.root, "usr", *parts)

    def field(self, name):
        return run("dpkg-deb", "-f", self.package, name).stdout.strip()

    def test_what_it_needs(self):
        needed = re.findall(r"[a-z0-9.+-]+(?= |,|$)", self.field("Depends"))
        for package in ("libc6", "libdw1", "libsqlite3-0"):
            self.assertIn(package, needed)
        # The library brings nothing into the programs it records.
        dynamic = run("readelf", "-d", self.path("lib", "libmla.so")).stdout
        self.assertEqual(set(re.findall(r"NEEDED.*\[(.*)\]", dynamic)),
                         set(re.findall(r"NEEDED.*\[(.*)\]",
                                        run("readelf", "-d", os.environ["MLA_LIB"]).stdout)))

    def test_every_command_has_its_page(self):
        for command in cli_support.COMMANDS:
            page = self.path("share", "man", "man1", "mla-%s.1.gz" % command)
            with gzip.open(page, "rt") as text:
                self.assertIn(command, text.read(), page)

    def test_works_where_it_is_unpacked(self):
        recording = os.path.join(self.directory, "p.mla")
        mla = self.path("bin", "mla")
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MLA_")}
        done = run(mla, "run", "--quiet", "-o", recording, "--", sys.executable, "-c",
                   "kept = [bytearray(1000) for _ in range(1000)]; print(len(kept))", env=clean)
        self.assertEqual((done.returncode, done.stdout), (0, "1000\n"), done.stderr)
        report = run(mla, "report", recording, env=clean)
        self.assertEqual(report.returncode, 0, report.stderr)
        self.assertIn("Call sites by live bytes", report.stdout)


if __name__ == "__main__":
    unittest.main()
