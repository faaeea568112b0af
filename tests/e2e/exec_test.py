#!/usr/bin/env python3
"""Programs that a recorded program executes: each worth one has a recording of its own, short
helpers leave none, and a program without libmla.so in LD_PRELOAD is left alone."""
import os
import shutil
import subprocess
import unittest

import harness

LEAF = [harness.program("fork_family"), "leaf"]  # allocates 5,000 times
IDLE = harness.program("workload")  # without arguments it does next to nothing


class Exec(harness.Case):
    def mla_run(self, arguments, preload=None, **options):
        environment = harness.plain_environment()
        os.makedirs(self.recordings, exist_ok=True)
        environment.update(MLA_UNWIND_CHECK=harness.UNWIND_CHECK, MLA_DIR=self.recordings)
        if preload is not None:
            environment["LD_PRELOAD"] = preload
        return self.run_program([harness.BIN, "run"] + arguments, environment, **options)

    def recordings_of(self, directory, exe):
        return [r for r in self.reports(directory)
                if os.path.basename(r["process"]["exe"]) == os.path.basename(exe)]

    def test_short_helpers_leave_no_recording(self):
        helpers = {
            "sh": "sh -c 'exit 0'", "uname": "uname -a", "ldd": "ldd /bin/ls", "true": "/bin/true",
            "test": "test -e /", "cat": "cat /etc/passwd | wc -l", "idle": IDLE,
        }
        # The shell that starts them is recorded; they are its helpers.
        for name, command in helpers.items():
            with self.subTest(helper=name):
                # A helper that took long enough on a busy machine has earned its recording; it may
                # be too busy for all of these.
                for attempt in range(5):
                    directory = self.path("%s%d" % (name, attempt))
                    self.recorded(["sh", "-c", command + "; exit 3"],
                                  variables={"MLA_DIR": directory})
                    others = [r for r in self.reports(directory) if r["process"]["parent_pid"] !=
                              os.getpid()]
                    if not others:
                        break
                    for report in others:
                        self.assertTrue(report["totals"]["alloc_count"] >= 1000 or
                                        report["totals"]["alloc_bytes"] >= 256 << 10 or
                                        report["recording"]["duration_s"] >= 0.1, report["process"])

    def test_executed_worker_has_its_own_recording(self):
        self.same_with_and_without(["sh", "-c", "%s leaf >/dev/null; exit 3" % LEAF[0]])
        [report] = self.recordings_of(None, LEAF[0])
        self.assertEqual(harness.site_totals(report, "in_child", "alloc_count"), (5000,))
        self.assertEqual(report["process"]["argv"], LEAF)
        self.check_no_loss(report)

    def test_programs_executed_in_one_process(self):
        """env starts python in its own place: the recording is python's."""
        code = "print(len([str(i) * 200 for i in range(20000)]))"
        chain = ["env", "A=1", "env", "B=2", "nice", harness.PYTHON, "-c", code]
        self.same_with_and_without(chain)
        reports = self.reports()
        name = os.path.basename(os.path.realpath(harness.PYTHON))
        [python] = [r for r in reports if os.path.basename(r["process"]["exe"]) == name]
        harness.check_plausible(self, python)
        for report in reports:
            if report is not python:
                self.assertEqual(report["process"]["pid"], python["process"]["pid"])
                self.assertEqual(report["status"], "exited")
                self.assertIn("replaced", report["status_detail"])

    def test_recording_that_is_removed_says_so_to_who_has_it_open(self):
        first = ("import os, sys; d = os.environ['MLA_DIR']\n"
                 "[os.link(d + '/' + f, d + '.kept') for f in os.listdir(d)]\n"
                 "os.execv(sys.argv[1], [sys.argv[1], 'leaf'])")
        removed = False
        for attempt in range(10):  # one that took long on a busy machine is kept
            directory = self.path("attempt%d" % attempt)
            self.recorded([harness.PYTHON, "-I", "-S", "-c", first, LEAF[0]],
                          variables={"MLA_DIR": directory})
            kept = self.read(directory + ".kept")
            self.assertEqual((kept["status"], kept["status_detail"]), ("exited",
                                                                       "replaced by exec"))
            removed = len(self.reports(directory)) == 1
            if removed:
                break
        if not removed:
            self.skipTest("not run to its end: this machine is too busy for a short-lived program")

    def test_run_names_recordings(self):
        output = self.path("x.mla")
        result = self.mla_run(["-o", output, "--quiet", "--", harness.program("fork_family"),
                               "fork"])
        self.assertEqual(result.returncode, 7, result.stderr)
        pids = dict(line.split() for line in result.stdout.decode().splitlines())
        self.assertEqual(str(self.read(output)["process"]["pid"]), pids["parent"])
        child = self.read(output + "." + pids["child"])
        self.assertEqual(str(child["process"]["pid"]), pids["child"])
        self.assertEqual(sorted(name for name in os.listdir(self.directory) if "x.mla" in name),
                         ["x.mla", "x.mla." + pids["child"]])

    def test_run_returns_what_the_program_returned(self):
        for action, expected in (("exit=42", 42), ("_exit=43", 43), ("quick-exit=44", 44),
                                 ("kill=15", -15), ("kill=9", -9), ("abort", -6)):
            with self.subTest(action=action):
                bare = self.bare([IDLE, "work", action])
                run = self.mla_run(["-o", self.path("y.mla"), "--quiet", "--", IDLE, "work",
                                    action])
                self.assertEqual((bare.returncode, run.returncode), (expected, expected))
                self.assertEqual(bare.stdout, run.stdout)
                report = self.read(self.path("y.mla"))
                self.assertEqual(report["status"], "killed" if expected < 0 else "exited")
                os.remove(self.path("y.mla"))

    def test_no_follow_keeps_the_other_preloaded_libraries(self):
        other = harness.find_library("libjemalloc.so.2")
        if other is None:
            self.skipTest("not run: needs an innocent library to preload (libjemalloc2)")
        # A shell that executes a child, which says what it was given.
        command = ["sh", "-c", "%s leaf; cat /proc/self/maps; echo preload=$LD_PRELOAD" % LEAF[0]]
        run = self.mla_run(["-o", self.path("z.mla"), "--quiet", "--no-follow", "--"] + command,
                           preload=other)
        self.assertEqual(run.returncode, 0, run.stderr)
        text = run.stdout.decode()
        self.assertIn("preload=%s\n" % other, text)
        self.assertIn("libjemalloc", text)
        self.assertNotIn("libmla", text)
        files = [name for name in os.listdir(self.directory) if name.startswith("z.mla")]
        self.assertIn(files, ([], ["z.mla"]))  # of the shell; no child has one
        followed = self.mla_run(["-o", self.path("f.mla"), "--quiet", "--"] + command,
                                preload=other)
        self.assertIn("libmla", followed.stdout.decode())
        self.assertIn("libjemalloc", followed.stdout.decode())

    def test_environment_seen_by_the_program(self):
        """Nothing of how libmla.so was started is left for the program to see."""
        for allocator in harness.installed_allocators():
            with self.subTest(allocator=allocator):
                environment = self.environment(allocator)
                result = self.run_program(["env"], environment)
                seen = dict(line.split("=", 1) for line in
                            result.stdout.decode().splitlines() if "=" in line)
                self.assertNotIn("MLA_REEXEC", seen)
                preload = seen.pop("LD_PRELOAD").split(":")
                self.assertEqual(preload[0], environment.pop("LD_PRELOAD"))
                self.assertLessEqual(len(preload), 2)
                seen.pop("_", None)
                environment.pop("_", None)
                self.assertEqual(seen, environment)

    def test_name_and_arguments_seen_by_the_program(self):
        code = ("import sys; print(open('/proc/self/comm').read(), sys.argv, sys.executable, "
                "open('/proc/self/cmdline').read())")
        link = self.path("named")
        os.symlink(os.path.realpath(harness.PYTHON), link)
        script = self.path("script")
        with open(script, "w") as file:
            file.write("#!%s\n%s\n" % (harness.PYTHON, code))
        os.chmod(script, 0o755)
        for allocator in harness.installed_allocators():
            for command in ([harness.PYTHON, "-c", code, "x y"], [link, "-S", "-c", code],
                            [script, "a"]):
                with self.subTest(allocator=allocator, command=command[0]):
                    self.same_with_and_without(command, allocator)


class Privileged(harness.Case):
    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"),
                         "not run: needs root, to make a set-user-id program and run it as nobody")
    def test_set_user_id_program_is_left_alone(self):
        program = self.path("privileged")
        shutil.copy(IDLE, program)
        os.chmod(program, 0o4755)
        mounts = subprocess.run(["findmnt", "-no", "OPTIONS", "-T", program],
                                stdout=subprocess.PIPE, universal_newlines=True).stdout
        if "nosuid" in mounts:
            self.skipTest("not run: the file system of the temporary directory is nosuid")
        # In a directory the loader trusts the library of a set-user-id program is loaded; from
        # others it is not. Both must leave the program alone, whatever the variables say.
        os.mkdir(self.recordings)
        os.chmod(self.recordings, 0o777)
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        self.same_with_and_without(as_nobody + [program, "work", "status"], cwd="/", stderr=False)
        self.assertEqual([name for name in self.files() if "privileged" in name], [])
        # The same program without the bit is recorded.
        os.chmod(program, 0o755)
        self.same_with_and_without(as_nobody + [program, "work"], cwd="/", stderr=False)
        self.assertEqual(len([name for name in self.files() if "privileged" in name]), 1)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"),
                         "not run: needs root, to install a library the loader trusts")
    def test_trusted_library_leaves_a_set_user_id_program_alone(self):
        """A set-user-id library in a system directory is loaded even then; it must do nothing."""
        trusted = "/usr/lib/libmla-test-%d.so" % os.getpid()
        program = self.path("privileged")
        shutil.copy(IDLE, program)
        os.chmod(program, 0o4755)
        shutil.copy(harness.LIB, trusted)
        self.addCleanup(os.remove, trusted)
        os.chmod(trusted, 0o4755)
        os.mkdir(self.recordings)
        os.chmod(self.recordings, 0o777)
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        for allocator in harness.installed_allocators():
            self.same_with_and_without(
                as_nobody + [program, "work", "status"], allocator, cwd="/",
                variables={"LD_PRELOAD": os.path.basename(trusted), "LD_LIBRARY_PATH": None})
        self.assertEqual([name for name in self.files() if "privileged" in name], [])


if __name__ == "__main__":
    harness.main()
