#!/usr/bin/env python3
"""Python stacks: what is recorded is what Python itself says of where it is.

"system": on the system's python3. "versions": on every CPython that pyenv has."""
import collections
import json
import os
import re
import sys
import unittest

import harness
from python_versions import is_known, on_each, pyenv_pythons, version_of

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python")
GOLDEN = os.path.join(SCRIPTS, "golden.py")
ORACLE = os.path.join(SCRIPTS, "oracle.py")
SCENES = ["plain", "worker_thread", "generator", "ctypes_callback", "without_the_gil"]
# What only some versions have, and since when.
LATER_SCENES = {"asyncio": (3, 7), "subinterpreter": (3, 8)}


def lines_with_sizes():
    """size -> (base name of the file, line), of the golden script; ASYNCHRONOUS and the code of the
    subinterpreter are texts of their own, whose lines begin anew."""
    with open(GOLDEN) as file:
        text = file.read()
    result = {}
    for name, part in (("golden.py", text),
                       ("golden.py", text.split('ASYNCHRONOUS = """')[1].split('"""')[0]),
                       ("<string>", text.split('code = """')[1].split('"""')[0])):
        for number, line in enumerate(part.split("\n"), 1):
            for size in re.findall(r"\b100\d0\d\b", line):
                result[int(size)] = (name, number)
    return result


def python_frames(site):
    return [frame for frame in site["stack"] if frame["kind"] == "python"]


class PythonStacks(harness.Case):
    PYTHONS = [harness.PYTHON]

    def play(self, python, scenes, **variables):
        result = self.recorded([python, "-B", GOLDEN] + scenes, variables=variables)
        self.assertEqual((result.returncode, result.stdout), (0, b"done\n"), result.stderr)
        return result

    def blocks(self, reports):
        """size of a golden block -> [(count, Python frames innermost first, python_stack)]"""
        result = collections.defaultdict(list)
        for report in reports:
            self.assertEqual(report["process"]["notes"], [])
            for site in report["sites"]:
                if site["kind"] != "heap" or site["alloc_count"] == 0:
                    continue
                each, rest = divmod(site["alloc_bytes"], site["alloc_count"])
                stack = [(frame["function"], os.path.basename(frame["file"]), frame["line"])
                         for frame in python_frames(site)]
                if rest == 0:
                    result[each].append((site["alloc_count"], stack, site["python_stack"]))
        return result

    def check_block(self, blocks, size, count, function, expected=None, allocated=None):
        """The one site of a size: so many blocks, made by the line that has the size in it."""
        found = blocks[size + 1 if allocated is None else allocated]  # bytearray appends a NUL
        self.assertEqual(sum(each[0] for each in found), count, (size, found))
        for _, stack, _ in found:
            self.assertEqual(stack[0][1:], expected or lines_with_sizes()[size], (size, stack))
            self.assertEqual(stack[0][0].split(".")[-1], function)
        return found

    @on_each()
    def test_lines_and_sizes(self, python, version):
        scenes = SCENES + [name for name, since in LATER_SCENES.items() if version >= since]
        self.play(python, scenes)
        blocks = self.blocks(self.reports())
        [(_, stack, part)] = self.check_block(blocks, 100001, 1, "scene_plain")
        self.assertEqual([frame[0] for frame in stack], ["scene_plain", "<module>"])
        self.assertEqual(part, "merged")
        self.check_block(blocks, 100101, 3, "work")
        self.check_block(blocks, 100201, 1, "produce")
        [(_, stack, part)] = self.check_block(blocks, 100401, 1, "compare")
        self.assertEqual([frame[0].split(".")[-1] for frame in stack],
                         ["compare", "scene_ctypes_callback", "<module>"])
        self.assertEqual(part, "merged")
        if version >= (3, 0):  # in 2.7 only who holds the GIL is known
            self.check_block(blocks, 100501, 1, "scene_without_the_gil", allocated=100501)
            self.check_block(blocks, 100502, 1, "work", allocated=100502)
        if "asyncio" in scenes:
            self.check_block(blocks, 100301, 2, "leaf")
        if "subinterpreter" in scenes:
            [(_, stack, _)] = self.check_block(blocks, 100601, 1, "inside")
            self.assertEqual([frame[0] for frame in stack], ["inside", "<module>"])
            self.check_block(blocks, 100602, 1, "scene_subinterpreter")
            self.check_block(blocks, 100604, 1, "work")

    @on_each()
    def test_deep(self, python, version):
        self.play(python, ["deep"])
        [report] = self.reports()
        [(_, stack, _)] = self.check_block(self.blocks([report]), 100701, 1, "down")
        self.assertEqual(len(stack), 128)
        self.assertGreater(report["losses"]["stack_truncated"], 0)

    @on_each(since=(3, 0))
    def test_children(self, python, version):
        self.play(python, ["children"])
        blocks = self.blocks(self.reports())
        for size in 100801, 100802:
            self.check_block(blocks, size, 20, "work_in_child", lines_with_sizes()[100801])

    @on_each()
    def test_end_of_the_interpreter(self, python, version):
        self.play(python, ["end"])
        blocks = self.blocks(self.reports())
        self.check_block(blocks, 100902, 1, "at_exit")
        self.check_block(blocks, 100901, 1, "__del__")

    @on_each(since=(3, 0))
    def test_other_allocators_of_python(self, python, version):
        for variables in ({"PYTHONMALLOC": "malloc"}, {"PYTHONMALLOC": "debug"},
                          {"PYTHONDEVMODE": "1"}):
            self.play(python, ["plain", "generator"], **variables)
            found = [site for report in self.reports() for site in report["sites"]
                     if any(frame["line"] == lines_with_sizes()[100001][1] and
                            frame["function"] == "scene_plain"
                            for frame in python_frames(site)[:1])]
            self.assertGreater(sum(site["alloc_bytes"] for site in found), 100001, variables)
            for name in self.files():
                os.remove(name)

    @on_each()
    def test_against_the_frames_python_tells(self, python, version):
        written = self.path("expected.json")
        # Small objects made on the same line would be counted with what the script tells of.
        result = self.recorded([python, "-B", ORACLE, written], variables={"MLA_PYTHON": "frames"})
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(written) as file:
            expected = json.load(file)
        self.assertGreater(sum(count for _, count, _ in expected), 10000)
        [report] = self.reports()
        self.check_no_loss(report)
        self.assertIsNotNone(report["unwind_check"])
        recorded = collections.defaultdict(lambda: [0, 0])
        for site in report["sites"]:
            self.assertIn(site["python_stack"], (None, "merged"))
            if site["kind"] == "heap":
                stack = tuple((frame["function"], frame["file"], frame["line"])
                              for frame in python_frames(site))
                recorded[stack][0] += site["alloc_count"]
                recorded[stack][1] += site["alloc_bytes"]
        for stack, count, size in expected:
            found = recorded[tuple(tuple(frame) for frame in stack)]
            if version == (2, 7):  # there the lines' frames and lists come from malloc, too
                self.assertGreaterEqual(found, [count, size], stack)
            else:
                self.assertEqual(found, [count, size], stack)

    @on_each()
    def test_switched_off(self, python, version):
        self.play(python, ["plain"], MLA_PYTHON="off")
        [report] = self.reports()
        self.assertEqual([site for site in report["sites"] if site["python_stack"]], [])
        self.assertGreater(len(report["sites"]), 10)


class OnVersions(PythonStacks):
    PYTHONS = pyenv_pythons()

    def test_there_are_versions(self):
        """Says which were tested."""
        if not self.PYTHONS:
            self.skipTest("pyenv has no CPython")
        for python in self.PYTHONS:
            sys.stderr.write("%s%s\n" % (python, "" if is_known(version_of(python)) else
                                         ": not known to mla, native stacks only"))

    @on_each(known=False)
    def test_unknown_versions_say_so(self, python, version):
        result = self.recorded([python, "-B", "-c", "x = bytearray(10 << 20)"])
        self.assertEqual(result.returncode, 0, result.stderr)
        [report] = self.reports()
        [note] = report["process"]["notes"]
        self.assertIn("stacks are native only", note)


if __name__ == "__main__":
    which = sys.argv.pop(1)
    unittest.main(verbosity=2,
                  defaultTest="PythonStacks" if which == "system" else "OnVersions")
