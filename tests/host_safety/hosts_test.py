#!/usr/bin/env python3
"""Programs that cannot be recorded, or whose allocator is another one: they run as always, and it
is said who serves them."""
import os
import shutil
import subprocess

import harness

WORK = harness.program("workload")
LIBRARIES = {name: harness.find_library(library)
             for name, library in harness.ALLOCATORS.items() if library}


class Hosts(harness.Case):
    def check_unrecorded(self, argv, said=None, **options):
        """Runs as without mla, leaves nothing, and `mla run` says why."""
        result = self.same_with_and_without(argv, **options)
        self.assertEqual([name for name in self.files()
                          if os.path.basename(argv[0]) in os.path.basename(name)], [])
        os.makedirs(self.recordings, exist_ok=True)
        run = self.run_program(
            [harness.BIN, "run", "--dir", self.recordings, "-o", self.path("x.mla"), "--"] + argv,
            harness.plain_environment())
        self.assertEqual((run.returncode, run.stdout), (result.returncode, result.stdout))
        self.assertIn(b"no recording of", run.stderr)
        for word in said or []:
            self.assertIn(word.encode(), run.stderr.lower())
        self.assertFalse(os.path.exists(self.path("x.mla")))

    def test_static_program(self):
        self.check_unrecorded([harness.program("static_program"), "work", "exit=5"], ["static"])

    def test_program_with_address_sanitizer(self):
        # Its report of what is not freed at the end names the pid.
        self.check_unrecorded([harness.program("asan_program"), "work", "exit=5"], ["sanitizer"],
                              stderr=False)

    def test_errors_are_still_found_by_address_sanitizer(self):
        program = harness.program("asan_error")
        bare, recorded = self.bare([program]), self.recorded([program])
        self.assertEqual(bare.returncode, recorded.returncode)
        self.assertIn(b"heap-use-after-free", bare.stderr)
        self.assertIn(b"heap-use-after-free", recorded.stderr)

    def test_program_with_its_own_malloc(self):
        self.check_unrecorded([harness.program("own_malloc")], ["own malloc"])

    def test_script_without_interpreter_and_missing_program(self):
        broken = self.path("broken")
        with open(broken, "w") as file:
            file.write("#!/no/such/interpreter\n")
        os.chmod(broken, 0o755)
        for argv in (["env", broken], ["env", self.path("absent")]):
            self.same_with_and_without(argv)

    def check_served_by(self, report, name):
        allocator = report["process"]["allocator"]
        self.assertEqual(allocator["name"], name)
        self.assertTrue(allocator["version"], allocator)
        if name != "ptmalloc2":
            self.assertEqual(os.path.realpath(allocator["path"]),
                             os.path.realpath(LIBRARIES[name]))
        self.assertGreater(report["totals"]["alloc_count"], 5000)
        self.check_no_loss(report)

    def test_allocator_preloaded_behind_and_before(self):
        for name, library in LIBRARIES.items():
            if library is None:
                continue
            for order in ("behind", "before"):
                both = [harness.LIB, library] if order == "behind" else [library, harness.LIB]
                for separator in (":", " "):
                    with self.subTest(allocator=name, order=order, separator=separator):
                        self.recordings = self.path("%s-%s-%d" % (name, order, ord(separator)))
                        self.same_with_and_without(
                            [WORK, "work"], variables={"LD_PRELOAD": separator.join(both)})
                        [report] = self.reports()
                        self.check_served_by(report, name)

    def test_allocator_by_name(self):
        for name in harness.installed_allocators():
            with self.subTest(allocator=name):
                self.recordings = self.path(name)
                self.same_with_and_without([WORK, "work"], name)
                [report] = self.reports()
                self.check_served_by(report, name)

    def test_allocator_by_path(self):
        for name, library in LIBRARIES.items():
            if library is not None:
                with self.subTest(allocator=name):
                    self.recordings = self.path(name)
                    self.same_with_and_without([WORK, "work"], library)
                    [report] = self.reports()
                    self.check_served_by(report, name)

    def test_allocator_preloaded_and_named(self):
        """MLA_ALLOCATOR wins over another one in LD_PRELOAD, and may also name that very one."""
        installed = {n: p for n, p in LIBRARIES.items() if p}
        for preloaded, library in installed.items():
            for wanted in list(installed) + ["ptmalloc2"]:
                with self.subTest(preloaded=preloaded, wanted=wanted):
                    self.recordings = self.path(preloaded + "-" + wanted)
                    self.same_with_and_without(
                        [WORK, "work"], wanted,
                        variables={"LD_PRELOAD": harness.LIB + ":" + library})
                    [report] = self.reports()
                    self.check_served_by(report, wanted)

    def test_program_linked_with_an_allocator(self):
        program = harness.program("jemalloc_program")
        if not os.path.exists(program):
            self.skipTest("not run: needs libjemalloc.so.2 when built (package libjemalloc2)")
        self.same_with_and_without([program, "work"])
        [report] = self.reports()
        self.check_served_by(report, "jemalloc")

    def test_allocator_that_is_not_there(self):
        bare = self.bare([WORK, "work"])
        for wanted, words in (("no-such-one", ["not known"]), ("/no/such.so", ["could not"])):
            with self.subTest(wanted=wanted):
                self.recordings = self.path("d" + wanted.replace("/", "-"))
                recorded = self.recorded([WORK, "work"], wanted)
                self.assert_same(bare, recorded, stderr=False)
                said = recorded.stderr.decode()
                for word in words + [wanted, "runs on ptmalloc2"]:
                    self.assertIn(word, said)
                [report] = self.reports()
                self.check_served_by(report, "ptmalloc2")


class Unsupported(harness.Case):
    def test_musl_program(self):
        """Its dynamic linker ends it for a library made for glibc: `mla run` preloads none."""
        if not shutil.which("musl-gcc"):
            self.skipTest("not run: needs musl-gcc (package musl-tools)")
        source = self.path("hello.c")
        with open(source, "w") as file:
            file.write("#include <stdio.h>\nint main(void) { puts(\"musl\"); return 3; }\n")
        subprocess.run(["musl-gcc", "-o", self.path("hello"), source], check=True)
        run = self.run_program([harness.BIN, "run", "--", self.path("hello")],
                               harness.plain_environment())
        self.assertEqual((run.returncode, run.stdout), (3, b"musl\n"))
        self.assertIn(b"is linked with musl", run.stderr)

    def test_go_program(self):
        """It does not use this C library's malloc: said as of static programs."""
        source = self.path("hello.go")
        try:
            subprocess.run(["go", "version"], stdout=subprocess.DEVNULL, check=True)
        except (OSError, subprocess.CalledProcessError):
            self.skipTest("not run: needs go (package golang-go)")
        with open(source, "w") as file:
            file.write("package main\nimport \"fmt\"\nfunc main() { fmt.Println(\"go\") }\n")
        subprocess.run(["go", "build", "-o", self.path("hello"), source], check=True,
                       cwd=self.directory, env=dict(os.environ, GOCACHE=self.path("cache")))
        self.same_with_and_without([self.path("hello")])
        self.assertEqual(self.files(), [])


if __name__ == "__main__":
    harness.main()
