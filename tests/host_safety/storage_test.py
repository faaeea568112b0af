#!/usr/bin/env python3
"""Whatever happens to the place where recordings go, or to the process's right to use it, the
program does not notice: same output, same end. The recording says why it stopped.

Runs in a mount namespace of its own, so that nothing it mounts or fills is seen outside.
"""
import fcntl
import os
import re
import resource
import shutil
import signal
import subprocess
import unittest

import harness

WORK = harness.program("workload")
MAY_MOUNT = os.geteuid() == 0 and harness.own_mount_namespace()
NEEDS_MOUNT = unittest.skipUnless(
    MAY_MOUNT, "not run: needs root and the right to mount a tmpfs (CAP_SYS_ADMIN)")
NEEDS_ROOT = unittest.skipUnless(os.geteuid() == 0, "not run: needs root to change user or root")
NOBODY = 65534
# Of RLIMIT_AS or RLIMIT_DATA: for the tables, and the maps of blocks of a program that uses it up.
MOST_OF_A_LIMIT = 0.40


def limit(what, value):
    """For preexec_fn: lowers a limit of the program before it starts."""
    return lambda: resource.setrlimit(what, (value, value))


class Storage(harness.Case):
    def setUp(self):
        super().setUp()
        self.keep_fallbacks_apart()

    def fill(self, where):
        with open(os.path.join(where, "filler"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass

    def report_of_fallback(self):
        """The one recording in the directory used instead of MLA_DIR."""
        files = self.files("/dev/shm/mla-%d" % os.geteuid())
        self.assertEqual(len(files), 1)
        return self.read(files[0])

    def check_note(self, report, *words):
        notes = " ".join(report["process"]["notes"])
        for word in words:
            self.assertIn(word, notes)

    # Room

    @NEEDS_MOUNT
    def test_file_system_of_one_mebibyte(self):
        self.mount(self.recordings, "1m")
        self.same_with_and_without([WORK] + ["work"] * 8)
        [report] = self.reports()
        if harness.SAMPLE and report["stopped"] is None:
            return self.check_no_loss(report)  # the samples found room
        self.assertEqual(report["stopped"]["reason"], "no_space")
        self.assertEqual(report["stopped"]["errno"], 28)
        # What it had recorded until then is still a true account of the beginning.
        self.assertGreater(report["totals"]["alloc_count"], 5000)
        text = subprocess.run([harness.BIN, "report", self.files()[0]], stdout=subprocess.PIPE,
                              check=True, universal_newlines=True).stdout
        self.assertIn("recording stopped", text)

    @NEEDS_MOUNT
    def test_full_file_system(self):
        self.mount(self.recordings, "64k")
        self.fill(self.recordings)
        self.same_with_and_without([WORK, "work"])
        self.assertEqual(self.files(), [os.path.join(self.recordings, "filler")])
        report = self.report_of_fallback()
        self.check_note(report, self.recordings, "no space left")
        self.check_no_loss(report)

    @NEEDS_MOUNT
    def test_file_system_fills_up_during_the_run(self):
        self.mount(self.recordings, "2m")
        filler = os.path.join(self.recordings, "filler")
        bare_filler = self.path("bare")
        self.mount(bare_filler, "2m")
        bare = self.bare([WORK, "work", "fill=filler", "work", "remove=filler", "work"],
                         cwd=bare_filler)
        recorded = self.recorded([WORK, "work", "fill=filler", "work", "remove=filler", "work"],
                                 cwd=self.recordings)
        self.assert_same(bare, recorded)
        self.assertFalse(os.path.exists(filler))
        [report] = self.reports()
        self.assertEqual(report["stopped"]["reason"], "no_space")

    @NEEDS_MOUNT
    def test_full_everywhere(self):
        """No place left at all: the program runs, unrecorded."""
        self.mount(self.recordings, "64k")
        self.mount("/mnt", "64m")
        for path in (WORK, harness.LIB):
            shutil.copy(path, "/mnt")
        self.fill(self.recordings)
        self.fill("/dev/shm")
        command = ["/mnt/workload", "work"]
        bare = self.bare(command, cwd="/")
        # MLA_DIR may lie below /tmp: what is mounted over /tmp must offer it again.
        kept = os.open(self.recordings, os.O_PATH)
        self.mount("/tmp", "64k")
        self.fill("/tmp")
        recorded = self.recorded(command, variables={
            "LD_PRELOAD": "/mnt/libmla.so", "MLA_DIR": "/proc/%d/fd/%d" % (os.getpid(), kept)},
            cwd="/")
        os.close(kept)
        self.assert_same(bare, recorded)
        self.assertEqual(self.files("/tmp/mla-0") + self.files("/dev/shm/mla-0"), [])

    @NEEDS_MOUNT
    def test_shared_memory_of_a_container(self):
        """64 MB, nothing set: the tables must fit."""
        self.same_with_and_without([WORK, "work", "work", "work"], variables={"MLA_DIR": None})
        report = self.report_of_fallback()
        self.assertIsNone(report["stopped"])
        self.check_no_loss(report)
        self.assertLess(report["recording"]["file_bytes"], 16 << 20)

    # Directories

    @NEEDS_MOUNT
    def test_file_with_a_lease_in_the_directory(self):
        """Opening it may take 45 seconds (/proc/sys/fs/lease-break-time): mla does not wait."""
        os.makedirs(self.recordings)
        recorded = self.environment()
        preload = recorded.pop("LD_PRELOAD")
        process = self.start(["sh", "-c", 'read go; exec env LD_PRELOAD="$0" "$@"', preload,
                              WORK, "work"], recorded, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
        # Named as an earlier recording of this very process.
        leased = os.path.join(self.recordings, "mla-sh-%d-1.mla" % process.pid)
        told = signal.signal(signal.SIGIO, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGIO, told)
        descriptor = os.open(leased, os.O_RDWR | os.O_CREAT, 0o600)
        self.addCleanup(os.close, descriptor)
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError:
            self.skipTest("not run: this file system has no leases")
        process.communicate(b"go\n", timeout=harness.TIMEOUT)
        self.assertEqual(process.returncode, self.bare([WORK, "work"]).returncode)
        with self.assertRaises(BlockingIOError, msg="the lease ended first"):
            os.close(os.open(leased, os.O_RDONLY | os.O_NONBLOCK))
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        os.unlink(leased)
        [report] = self.reports()
        self.assertIsNone(report["stopped"])

    def test_read_only_directory(self):
        self.mount(self.recordings, "1m", ",ro")
        self.same_with_and_without([WORK, "work"])
        self.check_note(self.report_of_fallback(), self.recordings, "read-only")

    @NEEDS_ROOT
    @NEEDS_MOUNT
    def test_directory_of_another_user(self):
        os.mkdir(self.recordings, 0o700)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", WORK, "work"]
        self.same_with_and_without(command, cwd="/")
        self.assertEqual([name for name in self.files() if "workload" in name], [])
        files = [name for name in self.files("/dev/shm/mla-65534") if "workload" in name]
        self.assertEqual(len(files), 1)
        self.assertEqual(os.stat(files[0]).st_uid, NOBODY)
        self.assertEqual(os.stat(files[0]).st_mode & 0o777, 0o600)
        self.check_note(self.read(files[0]), self.recordings, "permi")

    @NEEDS_MOUNT
    def test_directory_that_cannot_be_made(self):
        for directory in (self.path("absent/deeper"), "/dev/null", "/" + "long/" * 200):
            self.same_with_and_without([WORK, "work"], variables={"MLA_DIR": directory})
            report = self.report_of_fallback()
            self.check_note(report, directory[:60])
            os.remove(report["recording"]["path"])

    @NEEDS_MOUNT
    def test_planted_directory_is_not_used(self):
        """Another user made our directory first, or put a link in its place."""
        for plant in ("link", "foreign", "open"):
            trap = self.path("trap-" + plant)
            os.mkdir(trap)
            usual = "/dev/shm/mla-0"
            if plant == "link":
                os.symlink(trap, usual)
            else:
                os.mkdir(usual)
                os.chown(usual, NOBODY if plant == "foreign" else 0, 0)
                os.chmod(usual, 0o755 if plant == "foreign" else 0o777)
            before = set(self.files("/tmp/mla-0"))
            self.same_with_and_without([WORK, "work"], variables={"MLA_DIR": None})
            made = set(self.files("/tmp/mla-0")) - before
            made = [path for path in made if "workload" in path]
            for path in made:
                self.read(path)
                os.remove(path)
            self.assertEqual(self.files(trap), [], plant)
            self.assertEqual(self.files(usual), [], plant)
            os.remove(usual) if plant == "link" else shutil.rmtree(usual)

    def test_recording_is_private(self):
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        self.recorded([WORK, "work"])
        [path] = self.files()
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(self.recordings).st_mode & 0o077, 0)

    # Limits

    def test_file_size_limit_at_start(self):
        for allowed in (0, 4096, 1 << 20):
            directory = self.path("fsize%d" % allowed)
            lower = limit(resource.RLIMIT_FSIZE, allowed)
            self.same_with_and_without([WORK, "work", "status", "work"], preexec_fn=lower,
                                       variables={"MLA_DIR": directory})
            for report in self.reports(directory):
                if harness.SAMPLE and report["stopped"] is None:
                    self.check_no_loss(report)  # the samples found room
                    continue
                self.assertEqual(report["stopped"]["reason"], "file_limit")
            self.assertEqual(len(self.files(directory)), 1 if allowed == 1 << 20 else 0)

    def test_file_size_limit_during_the_run(self):
        self.same_with_and_without([WORK, "work", "fsize=0", "work", "status", "work"])
        [report] = self.reports()
        self.check_no_loss(report)

    def test_address_space_limit_at_start(self):
        for mebibytes in (64, 100, 128, 200, 250, 300, 500, 1000):
            lower = limit(resource.RLIMIT_AS, mebibytes << 20)
            directory = self.path("as%d" % mebibytes)
            with self.subTest(mebibytes=mebibytes):
                self.same_with_and_without([WORK, "work", "work", "work"], preexec_fn=lower,
                                           variables={"MLA_DIR": directory})
                self.reports(directory)

    def test_address_space_limit_during_the_run(self):
        for mebibytes in (0, 1, 16, 32, 128):
            directory = self.path("as%d" % mebibytes)
            with self.subTest(mebibytes=mebibytes):
                command = [WORK, "work", "as=%d" % mebibytes, "work", "work"]
                # tcmalloc says how many bytes it was refused.
                self.same_with_and_without(command, stderr=harness.ALLOCATOR != "tcmalloc",
                                           variables={"MLA_DIR": directory})
                self.assertEqual(len(self.reports(directory)), 1)

    def test_data_limit(self):
        lower = {at: limit(resource.RLIMIT_DATA, at << 20) for at in (16, 64, 256)}
        for mebibytes, preexec in lower.items():
            directory = self.path("data%d" % mebibytes)
            with self.subTest(mebibytes=mebibytes):
                self.same_with_and_without([WORK, "work", "work", "work"], preexec_fn=preexec,
                                           variables={"MLA_DIR": directory})
                if mebibytes < 64:
                    continue  # lowered to less than what mla has by then, about 40 MiB
                self.same_with_and_without([WORK, "work", "data=%d" % mebibytes, "work", "work"],
                                           variables={"MLA_DIR": directory})
                self.reports(directory)

    def test_share_of_a_limit_that_mla_takes(self):
        # docs/safety.md says what a program can still have of a limit.
        for what, mebibytes in ((resource.RLIMIT_DATA, 64), (resource.RLIMIT_DATA, 256),
                                (resource.RLIMIT_AS, 256)):
            with self.subTest(what=what, mebibytes=mebibytes):
                options = {"preexec_fn": limit(what, mebibytes << 20)}
                bare = self.bare([WORK, "use-up"], **options)
                recorded = self.recorded([WORK, "use-up"], **options)
                had, has = (int(re.findall(rb"\d+", run.stderr)[0]) for run in (bare, recorded))
                self.assertGreater(has, had * (1 - MOST_OF_A_LIMIT))

    def test_descriptor_limit(self):
        # 4: the loader itself needs one.
        self.same_with_and_without([WORK, "work"], preexec_fn=limit(resource.RLIMIT_NOFILE, 4))
        self.same_with_and_without([WORK, "work", "nofile=3", "work", "work"])
        self.same_with_and_without([WORK, "nofile=0", "work", "work"])
        self.assertEqual(len(self.reports()), 3)
        for report in self.reports():
            self.check_no_loss(report)
            self.assertIsNone(report["stopped"])

    # What a program does to its own process

    def test_program_closes_every_descriptor(self):
        self.same_with_and_without([WORK, "work", "close", "work", "status"])
        self.same_with_and_without([WORK, "work", "close-all", "work", "exit=7"])
        for report in self.reports():
            self.assertIsNone(report["stopped"])
            self.check_no_loss(report)
            self.assertEqual(report["status"], "exited")

    def test_no_lasting_descriptor_no_thread(self):
        self.same_with_and_without([WORK, "status", "work", "status"])

    @NEEDS_ROOT
    def test_program_changes_its_root(self):
        os.mkdir(self.path("jail"))
        self.same_with_and_without([WORK, "work", "chroot=" + self.path("jail"), "work", "work"])
        [report] = self.reports()
        self.assertIsNone(report["stopped"])
        self.assertEqual(os.listdir(self.path("jail")), [])
        harness.check_plausible(self, report)

    @NEEDS_ROOT
    def test_program_changes_its_user(self):
        self.same_with_and_without([WORK, "work", "setuid=65534", "work", "work"])
        [report] = self.reports()
        self.assertIsNone(report["stopped"])
        self.check_no_loss(report)

    @NEEDS_ROOT
    def test_program_leaves_its_name_spaces_or_locks_its_memory(self):
        for action in ("unshare", "lock-memory"):
            self.same_with_and_without([WORK, "work", action, "work", "work"])
        for report in self.reports():
            self.assertIsNone(report["stopped"])
            self.check_no_loss(report)

    @NEEDS_MOUNT
    def test_no_proc(self):
        command = ["unshare", "--mount", "sh", "-c",
                   "mount -t tmpfs none /proc && exec \"$@\"", "sh", WORK, "work", "work"]
        bare = self.bare(command)
        variables = self.environment()
        setting = ["env"] + ["%s=%s" % (name, variables[name])
                             for name in ("LD_PRELOAD", "MLA_DIR", "MLA_UNWIND_CHECK")]
        recorded = self.bare(command[:-3] + setting + command[-3:])
        self.assert_same(bare, recorded)
        [path] = [name for name in self.files() if os.path.getsize(name)]
        report = self.read(path)
        self.check_no_loss(report)
        self.assertGreater(report["totals"]["alloc_count"], 5000)

    @NEEDS_MOUNT
    def test_read_only_root_and_nothing_else(self):
        """A container with a read-only root and no /dev/shm: /tmp is the only place, or none."""
        command = ["unshare", "--mount", "sh", "-c",
                   "mount -o bind,ro /dev/shm /dev/shm && exec \"$@\"", "sh"]
        setting = ["env", "LD_PRELOAD=" + harness.LIB, "MLA_DIR=/dev/shm/recordings"]
        bare = self.bare(command + [WORK, "work"])
        before = set(self.files("/tmp/mla-0"))
        recorded = self.bare(command + setting + [WORK, "work"])
        self.assert_same(bare, recorded)
        for path in set(self.files("/tmp/mla-0")) - before:
            if "workload" in path:
                self.check_note(self.read(path), "/dev/shm/recordings")
                os.remove(path)

    def test_a_difference_would_be_seen(self):
        bare = self.bare([WORK, "work"])
        with self.assertRaises(AssertionError):
            self.assert_same(bare, self.recorded([WORK, "work", "work"]))
        with self.assertRaises(AssertionError):
            self.assert_same(bare, self.recorded([WORK, "work", "exit=63"]))


if __name__ == "__main__":
    harness.main()
