"""mla report --pprof, --folded, --speedscope, --csv, --openmetrics and --prometheus, read by other
tools: go tool pprof, promtool; all add up to what --json says."""
import gzip
import json
import os
import pty
import re
import shutil
import subprocess
import unittest

import exports_support as support
import harness
from exports_support import report

PROMTOOL = shutil.which("promtool")
NO_PROMTOOL = "needs promtool: install prometheus"
PPROF_TYPES = {"live": "inuse_space/bytes", "allocated": "alloc_space/bytes",
               "peak": "peak_space/bytes", "growth": "growth_space/bytes"}


def folded_stacks(text):
    """What a reader of folded stacks demands of each line: frames, a blank, a whole number."""
    stacks = {}
    for line in text.decode("utf-8").splitlines():
        match = re.fullmatch(r"(\S.*\S) ([1-9][0-9]*)", line)
        if not match:
            raise AssertionError("no folded stack: %r" % line)
        frames = tuple(match.group(1).split(";"))
        if "" in frames or frames in stacks:
            raise AssertionError("an empty frame, or a stack twice: %r" % line)
        stacks[frames] = int(match.group(2))
    return stacks


class Exports(harness.Case):
    def check_totals(self, path):
        for value, total in support.totals(path).items():
            folded = folded_stacks(report("--folded", "--value", value, path))
            self.assertEqual(sum(folded.values()), total, value)
            speedscope = json.loads(report("--speedscope", "--value", value, path))
            profile, = speedscope["profiles"]
            self.assertEqual(sum(profile["weights"]), total, value)
            self.assertEqual(profile["endValue"], total)
            if support.GO:
                made = report("--pprof", "--value", value, path)
                self.assertEqual(support.pprof_total(made, PPROF_TYPES[value]), total, value)

    def test_totals_of_python(self):
        path = support.record_python(self)
        self.assertGreater(support.totals(path)["live"], 5000000)
        self.check_totals(path)

    def test_totals_with_sampling(self):
        self.check_totals(support.record_python(self, MLA_SAMPLE="64K"))

    def test_totals_of_a_compiler(self):
        """Deep stacks of a real program that is not Python."""
        source = self.path("a.cc")
        with open(source, "w", encoding="utf-8") as out:
            out.write("#include <string>\nstd::string s(17, 'x');\n")
        ran = self.recorded(["g++", "-c", source, "-o", self.path("a.o")])
        self.assertEqual(ran.returncode, 0, ran.stderr)
        path, = [f for f in self.files() if "cc1plus" in os.path.basename(f)]
        self.check_totals(path)

    def test_folded(self):
        stacks = folded_stacks(report("--folded", support.record_python(self)))
        grow = [s for s in stacks if any(f.startswith("grow (") for f in s)]
        self.assertTrue(grow)
        self.assertRegex(";".join(grow[0]), r"caller \(.*exported.py:8\);grow \(.*exported.py:5\)")
        self.assertTrue(any("odd (a:b c.py:2)" in s for s in stacks), "a separator in a name")

    def test_speedscope(self):
        document = json.loads(report("--speedscope", support.record_python(self)))
        frames = document["shared"]["frames"]
        grow, = [i for i, f in enumerate(frames) if f["name"] == "grow"]
        self.assertEqual(frames[grow]["line"], 5)
        self.assertTrue(frames[grow]["file"].endswith("exported.py"))
        profile, = document["profiles"]
        self.assertEqual(len(profile["samples"]), len(profile["weights"]))
        weight = sum(w for s, w in zip(profile["samples"], profile["weights"]) if grow in s)
        self.assertGreaterEqual(weight, 50 * 100000)

    def test_csv(self):
        path = support.record_python(self)
        header, *rows = report("--csv", path).decode().splitlines()
        names = header.split(",")
        document = json.loads(report("--json", path))
        points = document["timeline"]
        self.assertEqual(len(rows), len(points))
        for row, point in zip(rows, points):
            cells = dict(zip(names, row.split(",")))
            self.assertAlmostEqual(float(cells.pop("unix_s")) - document["process"]["start_unix_s"],
                                   point["t_s"], places=3)
            self.assertAlmostEqual(float(cells.pop("t_s")), point["t_s"], places=6)
            del point["t_s"]
            self.assertEqual({k: int(v) for k, v in cells.items()}, point)
        judged = subprocess.run([harness.BIN, "analyse", "--csv", "-"],
                                input=report("--csv", path), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=harness.TIMEOUT)
        self.assertIn(b"verdict", judged.stdout, judged.stderr)

    def test_terminal_gets_no_binary(self):
        path = support.record_python(self)
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)
        done = subprocess.run([harness.BIN, "report", "--pprof", path], stdout=terminal,
                              stderr=subprocess.PIPE, timeout=harness.TIMEOUT)
        os.close(terminal)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, rb"^mla: --pprof: .*-o.*\n$")

    def test_output_file(self):
        path, out = support.record_python(self), self.path("x.pb.gz")
        self.assertEqual(report("--pprof", "-o", out, path), b"")
        with open(out, "rb") as file:
            written = file.read()
        self.assertEqual(written, report("--pprof", path), "the same recording, the same bytes")
        self.assertIn(b"exported.py", gzip.decompress(written))

    def test_value_without_stacks(self):
        for form in ([], ["--csv"], ["--openmetrics"]):
            done = subprocess.run([harness.BIN, "report", "--value", "peak", *form, "x"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, 2, form)
            self.assertIn(b"--value", done.stderr)


@unittest.skipUnless(support.GO, support.NO_GO)
class Pprof(harness.Case):
    def test_python_frames_have_files_and_lines(self):
        made = report("--pprof", support.record_python(self))
        top = support.pprof(made, "-top", "-lines", "-unit=b")
        self.assertRegex(top, r"(?m)^ *\d+B .* grow \S*exported\.py:5$")
        self.assertRegex(top, r"File: python3")
        self.assertRegex(top, r"Type: inuse_space")
        peek = support.pprof(made, "-peek", "grow", "-lines")
        self.assertRegex(peek, r"caller \S*exported\.py:8")

    def test_inlined_functions(self):
        path = support.record_inlined(self)
        made = report("--pprof", path)
        top = support.pprof(made, "-top", "-unit=b")
        self.assertRegex(top, r"(?m)^ *128400B .*::grow \(inline\)$")
        traces = support.pprof(made, "-traces", "-lines")
        lines = [line.split("export_inlined.cc:")[1] for line in traces.splitlines()
                 if "export_inlined.cc:" in line]
        self.assertEqual(lines[:3], ["8 (inline)", "11", "25"], "grow in keep, called by main")
        raw = support.pprof(made, "-raw")
        mappings = raw[raw.index("Mappings"):]
        self.assertRegex(mappings, r"^Mappings\n1: 0x\w+/0x\w+/0x0 \S*export_inlined [0-9a-f]{40}")

    def test_default_type_and_period(self):
        path = support.record_python(self, MLA_SAMPLE="64K")
        for value, name in (("live", "inuse_space"), ("allocated", "alloc_space"),
                            ("peak", "peak_space"), ("growth", "growth_space")):
            raw = support.pprof(report("--pprof", "--value", value, path), "-raw")
            self.assertIn("%s/bytes[dflt]" % name, raw)
            self.assertIn("PeriodType: space bytes\nPeriod: 65536\n", raw)

    def test_native(self):
        path = support.record_python(self)
        options = ("-top", "-nodecount=100000", "-focus=^grow$")
        plain = support.pprof(report("--pprof", path), *options)
        native = support.pprof(report("--pprof", "--native", path), *options)
        self.assertNotRegex(plain, r"Py_RunMain")
        self.assertRegex(native, r"Py_RunMain")


class Metrics(harness.Case):
    def figures(self, text):
        found = {}
        for line in text.decode("utf-8").splitlines():
            if not line.startswith("#"):
                name, labels, value = re.fullmatch(r"(\w+)(\{.*\}) (\S+)", line).groups()
                found[name, labels] = float(value)
        return found

    def test_figures_are_those_of_the_report(self):
        path = support.record_python(self, name='a "b"\\.py')
        document = json.loads(report("--json", path))
        text = report("--openmetrics", path)
        self.assertTrue(text.endswith(b"\n# EOF\n"))
        figures = self.figures(text)
        self.assertEqual(figures, self.figures(report("--prometheus", path)))
        by_name = {}
        for (name, labels), value in figures.items():
            by_name.setdefault(name, []).append(value)
            self.assertIn('service="a \\"b\\"\\\\.py"', labels)
        of = document["totals"]
        self.assertEqual(by_name["mla_live_bytes"], [of["live_bytes"] + of["mapped_bytes"]])
        self.assertEqual(by_name["mla_lost_events_total"], [of["lost_events"]])
        self.assertEqual(sorted(by_name["mla_verdict"]), [0] * 5 + [1])

    @unittest.skipUnless(PROMTOOL, NO_PROMTOOL)
    def test_promtool(self):
        path = support.record_python(self)
        checked = subprocess.run([PROMTOOL, "check", "metrics"], input=report("--prometheus", path),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, b"", b""))
        # Prometheus's own parser of OpenMetrics; it demands times, which a scrape has not.
        timed = re.sub(rb"(?m)^([^#].*)$", rb"\1 1700000000", report("--openmetrics", path))
        with open(self.path("metrics"), "wb") as out:
            out.write(timed)
        made = subprocess.run([PROMTOOL, "tsdb", "create-blocks-from", "openmetrics",
                               self.path("metrics"), self.path("blocks")],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(made.returncode, 0, made.stderr)


if __name__ == "__main__":
    unittest.main()
