"""What the tests of whole programs share: running a program with and without libmla.so, and reading
and judging the recordings it leaves.

Environment (set by CMake): MLA_BIN, MLA_LIB, MLA_PROGRAMS (directory of the compiled helpers).
Also TEST_ALLOCATOR and TEST_SAMPLE: every recorded program of the tests runs over this allocator,
and with this MLA_SAMPLE, where a test does not say otherwise.
"""
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BIN = os.environ["MLA_BIN"]
LIB = os.environ["MLA_LIB"]
PROGRAMS = os.environ["MLA_PROGRAMS"]
# Guards against hangs only; nothing here asserts a time.
TIMEOUT = 240
# Every recorded stack in so many is compared with libunwind's, in every test.
UNWIND_CHECK = "101"
ALLOCATORS = {
    "ptmalloc2": None,
    "jemalloc": "libjemalloc.so.2",
    "tcmalloc": "libtcmalloc_minimal.so.4",
    "mimalloc": "libmimalloc.so.2",
}
ALLOCATOR = os.environ.get("TEST_ALLOCATOR")
SAMPLE = os.environ.get("TEST_SAMPLE")
NOT_INSTALLED = 77
# A python3 of the system: one put first in PATH may be a script that starts another.
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


def program(name):
    return os.path.join(PROGRAMS, name)


def find_library(name):
    """Path of an installed library, or None."""
    multiarch = os.path.basename(os.path.dirname(subprocess.run(
        ["cc", "-print-file-name=libc.so.6"], stdout=subprocess.PIPE,
        universal_newlines=True).stdout.strip())) if shutil.which("cc") else ""
    for folder in ("/usr/local/lib", "/usr/lib/" + multiarch, "/usr/lib/x86_64-linux-gnu",
                   "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    return None


def is_installed(allocator):
    library = ALLOCATORS[allocator]
    return library is None or find_library(library) is not None


def installed_allocators():
    return [name for name in ([ALLOCATOR] if ALLOCATOR else ALLOCATORS) if is_installed(name)]


def plain_environment():
    """This process's environment without anything that concerns mla, but which library `mla run`
    preloads."""
    return {name: value for name, value in os.environ.items() if name == "MLA_LIBRARY" or
            (name != "LD_PRELOAD" and not name.startswith("MLA_"))}


def bare_environment(allocator=None):
    """That of a program without mla, over the allocator that the recorded one runs on."""
    library = ALLOCATORS[allocator or ALLOCATOR or "ptmalloc2"]
    return dict(plain_environment(), **({"LD_PRELOAD": find_library(library)} if library else {}))


def own_mount_namespace():
    """Mounts made from now on vanish with this process. False if that is not permitted."""
    clone_newns = 0x20000
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(clone_newns) != 0:
        return False
    return subprocess.run(["mount", "--make-rprivate", "/"], stderr=subprocess.DEVNULL,
                          ).returncode == 0


class Case(unittest.TestCase):
    """A test with a directory of its own and, in it, one for recordings."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="mla-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        os.chmod(self.directory, 0o755)  # some tests run programs as another user
        self.recordings = os.path.join(self.directory, "recordings")
        self.started = []
        self.addCleanup(self.end_started)

    def path(self, name):
        return os.path.join(self.directory, name)

    def mount(self, where, size, options=""):
        """A tmpfs, until the end of the test. Needs own_mount_namespace()."""
        os.makedirs(where, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%s%s" % (size, options), "tmpfs",
                        where], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", where], check=True)

    def keep_fallbacks_apart(self):
        """Where recordings go when MLA_DIR cannot be used is the test's own, if that can be."""
        if os.geteuid() == 0 and own_mount_namespace():
            self.mount("/dev/shm", "64m")

    # Running

    def environment(self, allocator=None, **more):
        environment = plain_environment()
        environment.update(LD_PRELOAD=LIB, MLA_DIR=self.recordings, MLA_UNWIND_CHECK=UNWIND_CHECK)
        if allocator or ALLOCATOR:
            environment["MLA_ALLOCATOR"] = allocator or ALLOCATOR
        if SAMPLE:
            environment["MLA_SAMPLE"] = SAMPLE
        for name, value in more.items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        return environment

    def run_program(self, argv, environment, **options):
        options.setdefault("cwd", self.directory)
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(argv, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=TIMEOUT, **options)

    def bare(self, argv, **options):
        return self.run_program(argv, bare_environment(), **options)

    def recorded(self, argv, allocator=None, variables=None, **options):
        return self.run_program(argv, self.environment(allocator, **(variables or {})), **options)

    def assert_same(self, bare, recorded, stderr=True):
        """The program did not notice mla."""
        self.assertEqual(bare.returncode, recorded.returncode, recorded.stderr[-2000:])
        self.assertEqual(bare.stdout, recorded.stdout, recorded.stderr[-2000:])
        if stderr:
            self.assertEqual(bare.stderr, recorded.stderr)

    def same_with_and_without(self, argv, allocator=None, variables=None, stderr=True, **options):
        """Runs argv both ways, asserts that they do the same; the recorded run."""
        bare = self.bare(argv, **options)
        recorded = self.recorded(argv, allocator, variables, **options)
        self.assert_same(bare, recorded, stderr)
        return recorded

    def start(self, argv, environment, **options):
        """A process that is ended with the test; only this one, by its pid."""
        process = subprocess.Popen(argv, env=environment, cwd=self.directory, **options)
        self.started.append(process)
        return process

    def end_started(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    # Recordings

    def files(self, directory=None):
        directory = directory or self.recordings
        if not os.path.isdir(directory):
            return []
        return sorted(os.path.join(directory, name) for name in os.listdir(directory))

    def read(self, path):
        """The report of one recording, which must be readable and sound."""
        result = subprocess.run([BIN, "report", "--json", path], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=TIMEOUT)
        self.assertEqual(result.returncode, 0, "%s: %r" % (path, result.stderr))
        report = json.loads(result.stdout.decode("utf-8"))
        check_sums(self, report)
        return report

    def reports(self, directory=None):
        return [self.read(path) for path in self.files(directory)]

    def report_of_program(self, name, directory=None):
        """The report of the one recording whose program has this base name."""
        found = [report for report in self.reports(directory)
                 if os.path.basename(report["process"]["exe"]) == name]
        self.assertEqual(len(found), 1, "recordings of %s: %s" % (name, self.files(directory)))
        return found[0]

    def check_counted(self, report, least):
        """Of samples only that there are any: how many allocations they are is an estimate."""
        self.assertGreater(report["totals"]["alloc_count"], 0 if SAMPLE else least)

    def check_no_loss(self, report):
        self.assertEqual(report["totals"]["lost_events"], 0, report["losses"])


def check_sums(test, report):
    """What holds for every recording, however it ended."""
    where = report["recording"]["path"]
    test.assertEqual(report["damage"], [], where)
    totals = report["totals"]
    heap = [site for site in report["sites"] if site["kind"] == "heap"]
    for name in ("live_bytes", "live_count", "alloc_bytes", "alloc_count", "freed_bytes",
                 "freed_count"):
        test.assertEqual(sum(site[name] for site in heap), totals[name], name + " of " + where)
    for site in report["sites"]:
        test.assertLessEqual(site["live_count"], site["alloc_count"], where)
        test.assertLessEqual(site["live_bytes"], site["alloc_bytes"], where)
        test.assertLessEqual(site["inherited_freed_count"], site["inherited_count"], where)
    test.assertGreaterEqual(totals["peak_live_bytes"], totals["live_bytes"], where)
    check = report["unwind_check"]
    if check is not None:
        test.assertEqual(check["differed"], 0, "stacks differ from libunwind's: %s of %s"
                         % (check, where))


def check_plausible(test, report, least_allocations=100):
    """A recording of a real program: it has contents, and stacks with names."""
    test.assertGreaterEqual(report["totals"]["alloc_count"], least_allocations)
    test.assertGreater(report["totals"]["peak_live_bytes"], 0)
    test.assertGreater(report["totals"]["own_bytes"], 0)
    test.assertGreater(len(report["timeline"]), 0)
    counts = {"named": 0, "all": 0, "complete": 0}
    for site in report["sites"]:
        if site["stack"]:
            counts["all"] += site["alloc_count"]
            if any(frame["function"] for frame in site["stack"]):
                counts["named"] += site["alloc_count"]
    test.assertGreater(counts["named"], 0.5 * counts["all"], "few stacks have names")
    # An event lost is an event the program made inside mla or where mla had no memory: rare.
    test.assertLessEqual(report["totals"]["lost_events"],
                         report["totals"]["alloc_count"] / 1000, report["losses"])


def site_totals(report, function, *fields, **options):
    """Sums of fields over the sites that have the function in their stack."""
    kind = options.get("kind", "heap")
    sites = [site for site in report["sites"] if site["kind"] == kind and any(
        frame["function"] and matches(frame["function"], function) for frame in site["stack"])]
    return tuple(sum(site[field] for site in sites) for field in fields)


def matches(name, function):
    """Whether a demangled name is that function: f, f(int), ns::f<3>(int)."""
    plain = name.replace("(anonymous namespace)::", "")
    return re.split(r"[(<]", plain)[0].split("::")[-1].split(" ")[-1] == function


def wait_for(condition, what):
    """Polls until condition() is true; fails the test only as a hang guard."""
    for _ in range(TIMEOUT * 50):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("did not happen: " + what)


def signal_name(returncode):
    return signal.Signals(-returncode).name if returncode < 0 else str(returncode)


def main():
    if ALLOCATOR and not is_installed(ALLOCATOR):
        print("SKIPPED: %s is not installed" % ALLOCATOR)
        sys.exit(NOT_INSTALLED)
    unittest.main(verbosity=2)
