"""CPython of each version that is installed, on parts of its own test suite."""
import glob
import os
import re
import subprocess

from zoo_lib import host
from zoo_lib.program import Program

DRIVER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "programs",
                      "python_tests.py")
# What starts threads, forks, maps memory, calls C and back, allocates much.
MODULES = ["test_bisect", "test_ctypes", "test_dict", "test_fork1", "test_generators", "test_json",
           "test_mmap", "test_thread", "test_zlib"]
# What takes longer, for one version: starts programs, gets signals, fails on purpose.
MORE = ["test_exceptions", "test_faulthandler", "test_gc", "test_re", "test_signal",
        "test_subprocess.POSIXProcessTestCase", "test_threading"]
WITHOUT_TESTS = "its test suite is not installed: apt install libpython3.11-testsuite"


class Python(Program):
    def __init__(self, path, version, modules, label="", variables=None, recording=None):
        super().__init__()
        self.path = path
        self.modules = ["test." + name for name in modules]
        self.name = "python" + version + label
        self.title = "parts of CPython %s's own test suite" % version
        if label:
            self.title += ", " + label.strip("-")
        self.variables = variables or {}
        self.recording = recording or {}
        self.expects = (os.path.basename(os.path.realpath(path)),)
        self.killed = self.expects  # tests of signals kill children

    def missing(self):
        found = subprocess.run([self.path, "-c", "import test.test_bisect"], cwd="/",
                               env={"PATH": host.PATH}, stderr=subprocess.DEVNULL)
        return WITHOUT_TESTS if found.returncode else None

    def run(self, run):
        run.run([self.path, DRIVER] + self.modules)


def version_of(path):
    try:
        found = subprocess.run([path, "-V"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               env={"PATH": host.PATH}, timeout=20).stdout.decode()
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"Python (\d+\.\d+)\.", found)
    return match and match.group(1)


def installed():
    """Version -> path: those of the system, then those of pyenv."""
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    found = {}
    for pattern in ("/usr/bin/python3", "/usr/bin/python3.[0-9]*", "/usr/bin/python2.7",
                    os.path.join(pyenv, "versions", "*", "bin", "python")):
        for path in sorted(glob.glob(pattern)):
            version = version_of(path) if "config" not in path else None
            if version:
                found.setdefault(version, path)
    return dict(sorted(found.items(), key=lambda item: [int(n) for n in item[0].split(".")]))


def programs():
    there = installed()
    result = [Python(path, version, MODULES) for version, path in there.items()]
    if there:
        version, path = max(((v, p) for v, p in there.items() if p.startswith("/usr/bin")),
                            default=max(there.items()))
        result += [
            Python(path, version, MODULES, "-malloc", {"PYTHONMALLOC": "malloc"}),
            Python(path, version, MODULES, "-objects", recording={"MLA_PYTHON": "objects"}),
            Python(path, version, MORE, "-more")]
    return result
