"""mla diff: two builds that differ by moved lines and a leak, Python, sampling, moments, errors."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from cli_support import CommandLineTest, environment, mla

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "programs", "diff_golden.c")
# Without what it imports at its start by itself.
INTERPRETER = ["/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable,
               "-I", "-S"]
LEAK = ("for (int i = 0; i < 20; ++i) keep(wrapped(3000));", 60000, 20)

PYTHON = """
import json
kept = []
class Store:
    def __init__(self):
        self.held = {}
    def put(self, key, value):
        self.held[key] = bytearray(value)
def load(store):
    for i in range(100):
        store.put(i, b"x" * 2000)
    kept.append(json.dumps(list(range(5000))))
store = Store()
load(store)
import os
os._exit(0)
"""

GROWS = """
import sys, time
kept = []
def grow():
    kept.append(bytearray(50000))
def fixed():
    kept.append(bytearray(3000000))
fixed()
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    grow()
    time.sleep(0.02)
import os
os._exit(0)
"""


def functions(stack):
    return [frame["function"] for frame in stack or []]


class DiffTest(CommandLineTest):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.directory = made.name

    def path(self, *parts):
        path = os.path.join(self.directory, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def record(self, name, *command, options=()):
        recording = self.path(name + ".mla")
        done = mla("run", "--quiet", "-o", recording, *options, "--", *command)
        self.assertEqual(done.returncode, 0, done.stderr)
        return recording

    def python(self, name, program, *arguments, options=(), file="work.py"):
        source = self.path(name, file)
        with open(source, "w", encoding="utf-8") as out:
            out.write(program)
        return self.record(name, *INTERPRETER, source, *arguments, options=options)

    def diff(self, *arguments):
        done = mla("diff", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def json(self, a, b, *options):
        """The difference, after checking that it adds up to what both reports say."""
        found = json.loads(self.diff("--json", *options, a, b))
        for side, recording in (("a", a), ("b", b)):
            totals = json.loads(mla("report", "--json", recording).stdout)["totals"]
            self.assertEqual(found[side]["totals"], totals)
            for kind, total in (("heap", totals["live_bytes"]),
                                ("mapping", totals["mapped_bytes"])):
                self.assertEqual(total, sum(site[side]["live_bytes"] for site in found["sites"]
                                            if site["kind"] == kind))
            self.assertEqual(totals["alloc_count"],
                             sum(site[side]["alloc_count"] for site in found["sites"]
                                 if site["kind"] == "heap"))
        changes = [abs(site["change_bytes"]) for site in found["sites"]]
        self.assertEqual(changes, sorted(changes, reverse=True))
        return found

    @staticmethod
    def changed(found, kind="heap"):
        return [site for site in found["sites"] if site["change_bytes"] and site["kind"] == kind]


@unittest.skipUnless(shutil.which("cc"), "needs a C compiler")
class Builds(DiffTest):
    def build(self, name, *options, **inserted):
        """Compiles the program in a directory of its own, with code put in at its marks."""
        with open(GOLDEN, encoding="utf-8") as source:
            text = source.read()
        for mark, code in inserted.items():
            self.assertIn("// " + mark, text)
            text = text.replace("// " + mark, code, 1)
        source = self.path(name, "diff_golden.c")
        with open(source, "w", encoding="utf-8") as out:
            out.write(text)
        program = self.path(name, "diff_golden")
        subprocess.run(["cc", "-g", "-O1", "-fno-builtin", *options, source, "-o", program],
                       check=True)
        return program

    def test_moved_lines_and_one_leak(self):
        code, leaked, blocks = LEAK
        a = self.record("a", self.build("one"))
        b = self.record("b", self.build("two", LINES="// put\n// in\n\n", LEAK=code))
        found = self.json(a, b)
        changed = self.changed(found)
        self.assertEqual(len(changed), 1, changed)
        self.assertEqual((changed[0]["change_bytes"], changed[0]["match"]), (leaked, "only_b"))
        self.assertEqual(changed[0]["b"]["live_count"], blocks)
        self.assertEqual(functions(changed[0]["stack_b"])[:3], ["wrapped", "neighbours", "main"])
        with open(self.path("two", "diff_golden.c"), encoding="utf-8") as source:
            line = 1 + source.read().splitlines().index("  " + code)
        self.assertEqual(changed[0]["stack_b"][1]["line"], line)
        self.assertEqual(found["matched"]["only_a"], 0)
        self.assertEqual(found["matched"]["only_b"], 1)
        self.assertEqual(found["change"]["live_bytes"], leaked)
        text = self.diff(a, b)
        self.assertIn("1 larger, +58.6 KiB; 0 smaller, 0 B; 6 unchanged", text)
        self.assertRegex(text, r"\n#1  \+58\.6 KiB  new in B  \+60,000 bytes, \+20 blocks\n")
        self.assertNotIn("#2", text)
        # The other way round it has gone.
        self.assertRegex(self.diff(b, a),
                         r"\n#1  -58\.6 KiB  only in A  -60,000 bytes, -20 blocks\n")

    def test_leak_in_a_function_of_its_own(self):
        other = ("__attribute__((noinline)) void leak(void) {\n"
                 "  for (int i = 0; i < 30; ++i) keep(malloc(4000));\n}\n")
        a = self.record("a", self.build("one"))
        b = self.record("b", self.build("two", OTHER=other, CALL="leak();"))
        changed = self.changed(self.json(a, b))
        self.assertEqual([site["change_bytes"] for site in changed], [120000])
        self.assertEqual(functions(changed[0]["stack_b"])[:2], ["leak", "main"])

    def test_a_leak_where_another_line_was(self):
        text = """#include <stdlib.h>
void *volatile keep[1000];
int kept;
__attribute__((noinline)) void work(int i) {
  if (i < 10) keep[kept++] = malloc(%d);
  if (i < %d) keep[kept++] = malloc(%d);
}
int main(void) {
  for (int i = 0; i < 500; ++i) work(i);
}
"""
        recordings = []
        for name, values in (("a", (100, 10, 200)), ("b", (200, 500, 10000))):
            source = self.path(name, "p.c")
            with open(source, "w", encoding="utf-8") as out:
                out.write(text % values)
            program = self.path(name, "p")
            subprocess.run(["cc", "-g", "-O1", "-fno-builtin", source, "-o", program], check=True)
            recordings.append(self.record(name, program))
        changed = self.changed(self.json(*recordings))
        self.assertEqual([(site["change_bytes"], site["match"]) for site in changed],
                         [(5000000, "only_b"), (-1000, "only_a")])

    def test_one_build_twice_under_two_allocators(self):
        program = self.build("one")
        a = self.record("a", program, "100000")
        other = ("--allocator", "jemalloc") if glob.glob("/usr/lib/*/libjemalloc.so.2") else ()
        b = self.record("b", program, "700000", options=other)
        found = self.json(a, b)
        # jemalloc brings libstdc++ along, which allocates before main.
        ours = [site for site in found["sites"]
                if "main" in functions(site["stack_a"]) + functions(site["stack_b"])]
        self.assertEqual([site["change_bytes"] for site in ours if site["change_bytes"]], [600000])
        self.assertEqual({site["match"] for site in ours}, {"same"})
        self.assertEqual(found["b"]["process"]["allocator"]["name"],
                         "jemalloc" if other else "ptmalloc2")

    def test_optimised_and_without_debug_information(self):
        a = self.record("a", self.build("one"))
        for name, options in (("fast", ("-O2", "-fno-optimize-sibling-calls")), ("bare", ("-g0",))):
            found = self.json(a, self.record(name, self.build(name, *options)))
            self.assertEqual(found["change"]["live_bytes"], 0)
            self.assertEqual(self.changed(found), [], name)

    def test_a_program_that_was_overwritten(self):
        program = self.build("one")
        a = self.record("a", program)
        b = self.record("b", self.build("one", LINES="// put in\n"))
        text = self.diff(a, b)
        self.assertRegex(text, r"names are missing\n    A: .*diff_golden")


class Python(DiffTest):
    def test_moved_lines_and_one_leak(self):
        a = self.python("a", PYTHON)
        edited = PYTHON.replace("class Store", "# put\n# in\nclass Store").replace(
            "    kept.append(json", "    kept.append(bytearray(1000000))\n    kept.append(json")
        b = self.python("b", edited)
        found = self.json(a, b)
        # The interpreter compiles another text: what its parser allocates is not looked at.
        large = [site for site in self.changed(found) if abs(site["change_bytes"]) > 100000]
        self.assertEqual([site["change_bytes"] for site in large], [1000001])
        self.assertEqual(large[0]["match"], "only_b")
        frame = [f for f in large[0]["stack_b"] if f["kind"] == "python"][0]
        self.assertEqual((frame["function"], frame["line"]), ("load", 14))
        put = [site for site in found["sites"] if site["a"]["live_bytes"] > 190000 and
               any("put" in (f or "") for f in functions(site["stack_a"]))]
        self.assertEqual([(site["match"], site["change_bytes"]) for site in put], [("moved", 0)])

    def test_within_the_sampling_error(self):
        program = "kept = [bytearray(3000) for _ in range(2000)]\nimport os\nos._exit(0)\n"
        a = self.python("a", program, options=("--sample", "64K"))
        b = self.python("b", program, options=("--sample", "64K"))
        more = self.python("c", program.replace("2000", "6000"), options=("--sample", "64K"))
        found = self.json(a, b)
        self.assertGreater(found["change"]["live_bytes_se"], 0)
        for site in self.changed(found):
            self.assertGreater(site["change_se"], 0)
            within = abs(site["change_bytes"]) < 2 * site["change_se"]
            self.assertEqual(site["within_error"], within)
        found = self.json(a, more)
        self.assertFalse(found["change"]["within_error"])
        self.assertAlmostEqual(found["sites"][0]["change_bytes"], 12e6,
                               delta=5 * found["sites"][0]["change_se"])
        self.assertIn("figures are estimates from samples", self.diff(a, more))
        # Exact against sampled: what was too small to be sampled has not gone.
        exact = self.python("d", program)
        gone = [site for site in self.changed(self.json(exact, b))
                if site["b"]["live_bytes"] == 0 and site["a"]["live_bytes"] < 64 << 10]
        self.assertGreater(len(gone), 3)
        self.assertEqual([site for site in gone if not site["within_error"]], [])


class Moments(DiffTest):
    def test_of_a_finished_recording(self):
        recording = self.python("grows", GROWS, "2")
        report = json.loads(mla("report", "--json", recording).stdout)
        noted = sorted({p["t_s"] for site in report["sites"] for p in site["history"]})
        # The process notes nothing at its end: os._exit.
        begin, end = (repr(t) for t in (noted[0], noted[-1]))
        found = json.loads(self.diff("--json", "--from", begin, "--to", end, recording))
        self.assertEqual((found["a"]["t_s"], found["b"]["t_s"]), (noted[0], noted[-1]))
        self.assertTrue(found["moments"])
        largest = found["sites"][0]
        self.assertIn("grow", functions(largest["stack_b"]))
        self.assertGreater(largest["change_bytes"], 0)
        self.assertEqual(largest["change_bytes"] % 50001, 0)
        self.assertIsNone(largest["a"]["alloc_bytes"])
        self.assertEqual([site["change_bytes"] for site in found["sites"]
                          if "fixed" in functions(site["stack_b"])][0], 0)
        # What the sites do not explain is said.
        self.assertEqual(found["b"]["live_bytes"] - found["a"]["live_bytes"],
                         found["unnoted"]["change_bytes"] +
                         sum(site["change_bytes"] for site in found["sites"]
                             if site["kind"] == "heap"))
        self.assertRegex(self.diff("--from", begin, recording), r"#1 .*\n *▸ grow ")
        close = mla("diff", "--from", begin, "--to", str(float(begin) + 1e-5), recording)
        self.assert_one_line_error(close, "--from and --to")
        self.assert_one_line_error(mla("diff", "--from", "60", recording), "--from")
        self.assert_one_line_error(mla("diff", "--from", "1", "--sort", "peak", recording),
                                   "--sort")
        self.assert_one_line_error(mla("diff", "--wait", "1", recording), "--wait")

    def test_of_a_living_process(self):
        work = self.path("live", "work.py")
        with open(work, "w", encoding="utf-8") as out:
            out.write(GROWS)
        env = environment(MLA_DIR=self.path("recordings", "x")[:-2],
                          LD_PRELOAD=os.environ["MLA_LIB"])
        process = subprocess.Popen([*INTERPRETER, work, "60"], env=env)
        try:
            end = time.monotonic() + 60
            ask = dict(environment(MLA_DIR=env["MLA_DIR"]))
            while "grow" not in mla("report", str(process.pid), env=ask).stdout:
                self.assertLess(time.monotonic(), end)
                time.sleep(0.05)
            recording = json.loads(mla("report", "--json", str(process.pid), env=ask).stdout)
            copy = self.path("before.mla")
            shutil.copyfile(recording["recording"]["path"], copy)
            done = mla("diff", "--json", "--wait", "0.5", str(process.pid), env=ask)
            self.assertEqual(done.returncode, 0, done.stderr)
            since_copy = mla("diff", "--json", copy, str(process.pid), env=ask)
            for found in (json.loads(done.stdout), json.loads(since_copy.stdout)):
                self.assertTrue(found["same_process"])
                self.assertIn("grow", functions(found["sites"][0]["stack_b"]))
                self.assertEqual(found["sites"][0]["match"], "same")
                self.assertEqual(found["sites"][0]["change_bytes"] % 50001, 0)
                self.assertGreater(found["sites"][0]["change_bytes"], 0)
        finally:
            process.kill()
            process.wait()


class Errors(DiffTest):
    def test_errors(self):
        recording = self.python("a", "import os\nos._exit(0)\n")
        link = self.path("link.mla")
        os.symlink(recording, link)
        foreign = self.path("foreign.mla")
        with open(foreign, "w", encoding="utf-8") as out:
            out.write("no recording")
        self.assert_one_line_error(mla("diff", recording), "--from", "--wait")
        self.assert_one_line_error(mla("diff", recording, link), "the same recording")
        self.assert_one_line_error(mla("diff", recording, foreign), "foreign.mla")
        self.assert_one_line_error(mla("diff", recording, self.path("absent.mla")), "absent.mla")
        self.assert_one_line_error(mla("diff", recording, foreign, "--from", "1"), "--from")
        self.assert_one_line_error(mla("diff", recording, foreign, "--wait", "1"), "--wait")
        self.assert_one_line_error(mla("diff", "--from", "nan", recording), "nan")
        self.assert_one_line_error(mla("diff", "--from", "-1", recording), "-1")
        self.assert_one_line_error(mla("diff", "--json", "--all", recording, foreign))

    def test_an_unreadable_recording_keeps_the_output(self):
        output = self.path("out.txt")
        with open(output, "w", encoding="utf-8") as out:
            out.write("older")
        done = mla("diff", "-o", output, self.path("absent.mla"), self.path("absent.mla"))
        self.assertEqual(done.returncode, 2)
        with open(output, encoding="utf-8") as source:
            self.assertEqual(source.read(), "older")

    def test_no_colour_in_a_file(self):
        a = self.python("a", "import os\nos._exit(0)\n")
        b = self.python("b", "x = bytearray(99999)\nimport os\nos._exit(0)\n")
        output = self.path("out.txt")
        self.assertEqual(self.diff("-o", output, "--full-stacks", "--all", a, b), "")
        with open(output, encoding="utf-8") as source:
            text = source.read()
        self.assertNotIn("\033", text)
        self.assertTrue(re.match(r"A  .*\n   pid ", text))


if __name__ == "__main__":
    unittest.main()
