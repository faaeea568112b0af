#!/usr/bin/env python3
"""Python's small objects: counted by line, to the byte, and none twice; what its arenas keep.

"system": on the system's python3. "versions": on every CPython that pyenv has."""
import collections
import json
import os
import re
import subprocess
import sys
import unittest

import harness
import python_versions
from python_versions import on_each

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python")
OBJECTS = os.path.join(SCRIPTS, "objects.py")
SLACK = os.path.join(SCRIPTS, "slack.py")
COUNT = 2000  # as in the script
HEADER = 33   # sys.getsizeof(b"")
SMALL = ["plain", "worker_thread", "generator", "coroutine", "dropped"]


def lines():
    """size of the bytes -> the line that makes them; of the texts in the script its line there."""
    with open(OBJECTS) as file:
        text = file.read()
    result = {}
    for part in (text, text.split('ASYNCHRONOUS = """')[1].split('"""')[0],
                 text.split('COROUTINE = """')[1].split('"""')[0]):
        for number, line in enumerate(part.split("\n"), 1):
            for size in re.findall(r"bytes\((\d+)", line):
                result[int(size)] = number
    return result


class PythonObjects(harness.Case):
    PYTHONS = [harness.PYTHON]

    def play(self, python, scenes, returncode=0, **variables):
        variables.setdefault("MLA_PYTHON", "objects")
        result = self.recorded([python, "-S", "-B", OBJECTS] + scenes, variables=variables)
        self.assertEqual((result.returncode, result.stdout), (returncode, b"done\n"),
                         result.stderr)

    def sizes(self, report, line):
        """size -> (allocated, live) blocks of the sites whose innermost Python frame is there."""
        found = collections.defaultdict(lambda: [0, 0])
        for site in report["sites"]:
            frames = [frame for frame in site["stack"] if frame["kind"] == "python"]
            if not frames or frames[0]["line"] != line or site["alloc_count"] == 0 or \
                    os.path.basename(frames[0]["file"]) != "objects.py":
                continue
            each, rest = divmod(site["alloc_bytes"], site["alloc_count"])
            if rest == 0:
                found[each][0] += site["alloc_count"]
                found[each][1] += site["live_count"]
        return found

    def check(self, report, size, count, live=None):
        found = self.sizes(report, lines()[size])
        self.assertEqual(found[size + HEADER], [count, count if live is None else live],
                         (size, dict(found)))

    def check_small(self, report):
        self.check(report, 101, 100 * COUNT)
        self.check(report, 102, 3 * COUNT)
        self.check(report, 103, COUNT)
        self.check(report, 110, 2 * COUNT)
        self.check(report, 108, COUNT, live=0)

    def check_modes(self, report, mode="objects"):
        self.assertEqual(report["process"]["python"]["mode"], mode)
        self.assertEqual(report["process"]["notes"], [])
        self.check_no_loss(report)
        # A block that is known to both kinds would be found again before its free.
        self.assertEqual(report["losses"].get("missed_free", 0), 0)

    @on_each(has_objects=True)
    def test_lines_sizes_and_numbers(self, python, version):
        self.play(python, SMALL)
        [report] = self.reports()
        self.check_modes(report)
        self.check_small(report)

    @on_each(has_objects=True)
    def test_nothing_is_counted_twice(self, python, version):
        self.play(python, ["sizes", "resized", "collected", "tracemalloc"])
        [report] = self.reports()
        self.check_modes(report)
        for size in 479, 480, 9001:
            self.check(report, size, COUNT)
        found = self.sizes(report, lines()[479] - 1)  # object()
        self.assertEqual(found[16], [COUNT, COUNT])
        self.check(report, 109, COUNT)
        # What was made small again, and what the collector has freed.
        resized = [site for site in report["sites"] if any(
            frame["function"].endswith("scene_resized") for frame in site["stack"]
            if frame["kind"] == "python")]
        self.assertLess(sum(site["live_bytes"] for site in resized), COUNT * 400)
        collected = [site for site in report["sites"] if any(
            frame["function"].endswith("scene_collected") for frame in site["stack"]
            if frame["kind"] == "python")]
        self.assertLess(sum(site["live_count"] for site in collected), COUNT // 10)

    @on_each(has_objects=True)
    def test_children(self, python, version):
        self.play(python, ["children"])
        reports = self.reports()
        self.assertEqual(len(reports), 3)
        [forked] = [report for report in reports if report["process"]["fork_depth"] == 1]
        self.check(forked, 106, COUNT)
        inherited = [(site["inherited_count"], site["inherited_freed_count"])
                     for site in forked["sites"]
                     if site["inherited_bytes"] == COUNT * (105 + HEADER)]
        self.assertEqual(inherited, [(COUNT, COUNT // 2)])
        [spawned] = [report for report in reports if "spawned" in report["process"]["argv"]]
        self.check(spawned, 107, COUNT)
        for report in reports:
            self.check_modes(report)

    @on_each(has_objects=True)
    def test_after_kill_9(self, python, version):
        self.play(python, ["plain", "killed"], returncode=-9)
        [report] = self.reports()
        self.check(report, 101, 100 * COUNT)

    @on_each(has_objects=True)
    def test_allocators_of_malloc(self, python, version):
        self.play(python, SMALL, PYTHONMALLOC="malloc")
        [report] = self.reports()
        self.check_modes(report)
        self.check_small(report)

    @on_each(has_objects=True)
    def test_debugging_allocators(self, python, version):
        for variables in ({"PYTHONMALLOC": "debug"}, {"PYTHONMALLOC": "pymalloc_debug"},
                          {"PYTHONDEVMODE": "1"}):
            self.play(python, SMALL, **variables)
            [report] = self.reports()
            self.check_modes(report)
            self.check_small(report)
            for name in self.files():
                os.remove(name)
        # Here malloc serves all of it, and adds what the debugging allocator does.
        self.play(python, ["plain"], PYTHONMALLOC="malloc_debug")
        [report] = self.reports()
        self.check_modes(report)
        more = [size for size, (count, _) in self.sizes(report, lines()[101]).items()
                if count == 100 * COUNT]
        self.assertEqual(len(more), 1)
        self.assertIn(more[0] - 101 - HEADER, (24, 32))

    @on_each(has_objects=True)
    def test_sampled(self, python, version):
        self.play(python, ["plain", "dropped"], MLA_SAMPLE="16K")
        [report] = self.reports()
        live = sum(site["live_bytes"] for site in report["sites"]
                   if any(frame["kind"] == "python" and frame["line"] == lines()[101]
                          for frame in site["stack"][:8]))
        truth = 100 * COUNT * (101 + HEADER)
        self.assertAlmostEqual(live, truth, delta=0.2 * truth)  # 1,600 samples: 5 standard errors

    @on_each(has_objects=False)
    def test_where_they_are_not_recorded(self, python, version):
        result = self.recorded([python, "-B", "-c", "x = [str(i) for i in range(10000)]"],
                               variables={"MLA_PYTHON": "objects"})
        self.assertEqual(result.returncode, 0, result.stderr)
        [report] = self.reports()
        self.assertNotEqual(report["process"]["python"]["mode"], "objects")
        self.assertIn("are native only" if not python_versions.is_known(version) else
                      "its small objects are not recorded", report["process"]["notes"][0])

    # Arenas

    def arenas_by_python(self, python):
        """What the interpreter says of its arenas: address space, bytes in blocks."""
        # Recorded, too, as a recorded process has some objects more; frames hide nothing from it.
        done = self.run_program([python, "-B", SLACK], self.environment(MLA_PYTHON="frames"))
        for path in self.files():
            os.remove(path)
        text = done.stderr.decode("ascii")

        def number(pattern):
            return int(re.search(pattern + r"[^\n]*= +([\d,]+)\n", text).group(1).replace(",", ""))
        return number(r"\d+ arenas \* \d+ bytes/arena"), number("# bytes in allocated blocks")

    def why(self, target):
        done = subprocess.run([harness.BIN, "why", "--json", str(target)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=harness.TIMEOUT,
                              env=dict(os.environ, MLA_DIR=self.recordings))
        found = json.loads(done.stdout.decode("utf-8"))
        self.assertEqual(sum(found["buckets"].values()) + found["residual_bytes"],
                         found["rss_bytes"])
        return found

    def slack(self, python, mode):
        """`mla why` of a living process that keeps a few objects in each arena, and of its end."""
        process = self.start([python, "-B", SLACK],
                             self.environment(MLA_PYTHON=mode, MLA_UNWIND_CHECK=None),
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
        process.stdout.readline()
        found = {}

        def at_rest():
            process.stdin.write(b"\n")
            process.stdin.flush()
            process.stdout.readline()
            found.update(self.why(process.pid))
            return not found["stale"]
        harness.wait_for(at_rest, "a ledger at rest")
        process.kill()
        process.wait()
        [path] = self.files()
        return found, self.why(path)

    def check_slack(self, found, arenas):
        self.assertEqual(found["diagnosis"], "python_arenas", found["sentence"])
        self.assertLessEqual(abs(found["residual_bytes"]), 0.03 * found["rss_bytes"])
        self.assertAlmostEqual(found["arena_bytes"], arenas, delta=0.03 * arenas)
        held = sum(found["buckets"]["python_" + part] for part in ("live", "free", "arenas"))
        # Pages that were never used are not resident.
        self.assertLessEqual(held, 1.03 * arenas)
        self.assertGreater(held, 0.85 * arenas)

    @on_each(has_objects=True)
    def test_arenas_kept_by_few_objects(self, python, version):
        arenas, blocks = self.arenas_by_python(python)
        for found in self.slack(python, "objects"):
            self.check_slack(found, arenas)
            self.assertAlmostEqual(found["buckets"]["python_live"], blocks, delta=0.03 * blocks)
            self.assertEqual(found["buckets"]["python_arenas"], 0)
            self.assertGreater(found["object_live_bytes"], 0.9 * blocks)
            self.assertGreater(found["history"][-1]["arena_bytes"], 0)

    @on_each(has_objects=True)
    def test_arenas_without_objects(self, python, version):
        arenas, _ = self.arenas_by_python(python)
        for found in self.slack(python, "frames"):
            self.check_slack(found, arenas)
            self.assertEqual((found["buckets"]["python_live"], found["buckets"]["python_free"]),
                             (0, 0))
            self.assertIsNone(found["object_live_bytes"])


class OnVersions(PythonObjects):
    PYTHONS = python_versions.pyenv_pythons()

    @on_each(has_objects=True)
    def test_asyncio(self, python, version):
        self.play(python, ["asyncio"])
        [report] = self.reports()
        self.check(report, 104, 2 * COUNT)

    def test_there_are_versions(self):
        if not self.PYTHONS:
            self.skipTest("pyenv has no CPython")


if __name__ == "__main__":
    which = sys.argv.pop(1)
    unittest.main(verbosity=2,
                  defaultTest="PythonObjects" if which == "system" else "OnVersions")
