"""Bad usage, unreadable input and output that cannot be written: one line, exit code 2."""
import os
import struct
import subprocess
import tempfile
import unittest

from cli_support import COMMANDS, MLA, CommandLineTest, environment, mla

MAGIC = b"MLASEG\r\n"


class Usage(CommandLineTest):
    def test_bad_usage(self):
        for arguments, words in (
            ([], ["no command", "run, report, ps, ctl, analyse, leaks, why"]),
            (["repot"], ["did you mean mla report?"]),
            (["analyze"], ["did you mean mla analyse?"]),
            (["xyzzy"], ["no command of mla", "mla --help"]),
            (["--bogus"], ["--bogus", "unknown option"]),
            (["run"], ["no program", "mla run -- CMD"]),
            (["run", "--"], ["no program"]),
            (["run", "--", ""], ["no program"]),
            (["run", "--bogus", "--", "true"], ["--bogus", "unknown option"]),
            (["run", "true", "--", "true"], ["unexpected argument"]),
            (["run", "-o"], ["mla run --help"]),
            (["run", "-o", "/nonexistent/x.mla", "--", "true"], ["/nonexistent", "-o"]),
            (["run", "-o", "/tmp", "--", "true"], ["is a directory"]),
            (["run", "--dir", "/nonexistent", "--", "true"], ["/nonexistent", "--dir"]),
            (["run", "--allocator", "foo", "--", "true"], ["no allocator", "jemalloc"]),
            (["run", "--allocator", "/nonexistent.so", "--", "true"], ["no such library"]),
            (["report"], ["RECORDING is required"]),
            (["report", "--html", "4711"], ["4711 was taken as the name of the page"]),
            (["report", "--bogus", "x"], ["--bogus", "unknown option"]),
            (["report", "a", "b"], ["unexpected argument"]),
            (["report", "--json", "--top", "3", "x"], ["excludes"]),
            (["report", "--json", "--folded", "x"], ["excludes"]),
            (["report", "--folded", "--value", "bogus", "x"], ["--value"]),
            (["report", "--sort", "bogus", "x"], ["--sort"]),
            (["report", "--top", "0", "x"], ["--top", "whole number"]),
            (["report", "999999999"], ["999999999"]),
            (["ps", "x"], ["unexpected argument"]),
            (["leaks"], ["RECORDING is required"]),
            (["leaks", "--excess", "1", "x"], ["unknown option"]),
            (["why"], ["RECORDING is required"]),
            (["analyse"], ["SERIES is required"]),
            (["analyse", "--rule", "bogus", "x"], ["--rule"]),
            (["analyse", "--csv", "--json", "x"], ["excludes"]),
            (["analyse", "--peak", "nan", "x"], ["not a finite number"]),
            (["analyse", "--invalid-count=-5", "x"], ["not a whole number"]),
        ):
            with self.subTest(arguments=arguments):
                self.assert_one_line_error(mla(*arguments), *words)

    def test_missing_libmla(self):
        done = mla("run", "--", "true", env=environment(MLA_LIBRARY="/nonexistent/libmla.so"))
        self.assert_one_line_error(done, "/nonexistent/libmla.so", "MLA_LIBRARY")

    def test_help_and_version(self):
        done = mla("--version")
        self.assertRegex(done.stdout, r"^mla \d+\.\d+\.\d+\n$")
        self.assertEqual(done.returncode, 0)
        for arguments in [["--help"], *([c, "--help"] for c in COMMANDS)]:
            done = mla(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("Examples:", done.stdout)
            self.assertNotIn("FLOAT", done.stdout, "what a validator is called is no help")


class UnreadableInput(CommandLineTest):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def file(self, name, content):
        path = os.path.join(self.directory.name, name)
        with open(path, "wb") as out:
            out.write(content)
        return path

    def test_every_command_on_every_wrong_file(self):
        future = MAGIC + struct.pack("<II", 99, 4096) + bytes(1 << 20)
        wrong = {
            "empty": self.file("empty", b""),
            "truncated": self.file("truncated", MAGIC + struct.pack("<I", 1)),
            "zero-filled": self.file("zeros", bytes(1 << 20)),
            "future version": self.file("future", future),
            "ELF": MLA,
            "directory": self.directory.name,
            "missing": os.path.join(self.directory.name, "missing"),
        }
        for command in ("report", "leaks", "analyse", "why"):
            for kind, path in wrong.items():
                with self.subTest(command=command, kind=kind):
                    self.assert_one_line_error(mla(command, path), path)

    @unittest.skipIf(os.geteuid() == 0 and not os.path.exists("/usr/sbin/runuser"), "needs runuser")
    def test_no_permission(self):
        path = self.file("secret", b"1\n")
        os.chmod(path, 0)
        command = ["runuser", "-u", "nobody", "--"] if os.geteuid() == 0 else []
        os.chmod(self.directory.name, 0o755)
        if command and subprocess.run([*command, "test", "-x", MLA], check=False).returncode != 0:
            self.skipTest("the build directory is not readable by nobody")
        for name in ("report", "leaks", "analyse"):
            done = subprocess.run([*command, MLA, name, path], env=environment(), text=True,
                                  capture_output=True, timeout=60, check=False)
            self.assert_one_line_error(done, "Permission denied")

    def test_ps_lists_unreadable_recordings(self):
        path = self.file("mla-server-123-19a0f.mla", bytes(100))
        done = mla("ps", env=environment(MLA_DIR=self.directory.name))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("unreadable: ", done.stdout)
        self.assertIn(path, done.stdout)


class UnwritableOutput(CommandLineTest):
    def test_full_standard_output(self):
        for arguments in (["--help"], ["ps"], ["ps", "--json"], ["--version"]):
            with open("/dev/full", "w", encoding="ascii") as full:
                done = mla(*arguments, stdout=full)
            with self.subTest(arguments=arguments):
                self.assert_one_line_error(done, "No space left on device")

    def test_closed_standard_output(self):
        done = subprocess.run(["sh", "-c", f"'{MLA}' ps >&-"], env=environment(), text=True,
                              capture_output=True, timeout=60, check=False)
        self.assert_one_line_error(done, "standard output")

    def test_broken_pipe_is_silent(self):
        for ignored in (False, True):  # SIGPIPE as shells leave it, and as some supervisors do
            reader, writer = os.pipe()
            os.close(reader)
            done = mla("run", "--help", stdout=writer, restore_signals=not ignored)
            os.close(writer)
            self.assertEqual(done.stderr, "")
            self.assertIn(done.returncode, (-13, 141))


class Locale(CommandLineTest):
    def test_signs_of_a_locale_without_utf8(self):
        if not os.environ.get("MLA_LIB"):
            self.skipTest("not run: needs libmla.so")
        with tempfile.TemporaryDirectory() as directory:
            recording = os.path.join(directory, "a.mla")
            kept = "日本 = [bytearray(3000) for _ in range(900)]; import os; os._exit(0)"
            done = mla("run", "-o", recording, "--sample", "4096", "--", "/usr/bin/python3", "-I",
                       "-S", "-c", kept)
            self.assertEqual(done.returncode, 0, done.stderr)
            for command in (["report", recording], ["diff", recording, "--from", "0", "--all"]):
                shown = {name: mla(*command, env=environment(LC_ALL=name))
                         for name in ("C", "C.UTF-8")}
                for done in shown.values():
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertIn("日本", done.stdout)  # the program's own words
                self.assertNotRegex(shown["C"].stdout, "[▁-█▸±…]")
            self.assertRegex(mla("report", recording, env=environment(LC_ALL="C.UTF-8")).stdout,
                             "[▁-█].*\n(?s:.*)±")


if __name__ == "__main__":
    unittest.main()
