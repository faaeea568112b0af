"""mla leaks: the verdict on recordings of real processes."""
import json
import os
import sys
import tempfile
import unittest
import xml.dom.minidom

from cli_support import CommandLineTest, mla

# Every 10 ms some work, and in one of them 50 KB are kept.
WORK = """
import time
kept = []
def remember():
    kept.append(bytearray(50000))
end = time.monotonic() + SECONDS
while time.monotonic() < end:
    work = [bytearray(2000) for _ in range(50)]
    if LEAK:
        remember()
    time.sleep(0.01)
"""


class Leaks(CommandLineTest):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.leak = cls.recorded("leak", True)
        cls.clean = cls.recorded("clean", False)

    @classmethod
    def recorded(cls, name, leak, script=None):
        """A recording that is judged: of a few seconds, or of more where the machine was too busy
        for them to tell anything. `script`: the program's file, below the directory."""
        path = os.path.join(cls.directory.name, name + ".mla")
        for seconds in (4, 12, 40):
            program = WORK.replace("LEAK", str(leak)).replace("SECONDS", str(seconds))
            if script:
                with open(os.path.join(cls.directory.name, script), "w", encoding="ascii") as out:
                    out.write(program)
            done = mla("run", "--quiet", "-o", path, "--", sys.executable,
                       *([script] if script else ["-c", program]), cwd=cls.directory.name)
            assert done.returncode == 0, done.stderr
            if mla("leaks", path).returncode != 3:
                break
        return path

    def test_leak(self):
        done = mla("leaks", self.leak)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertRegex(done.stdout, r"live bytes:\nleak, \d+\.\d [MG]iB/h: ")
        self.assertNotIn("time to the limit", done.stdout)  # it may have run on another machine
        self.assertRegex(mla("leaks", "--limit", "64G", self.leak).stdout,
                         r"time to the limit .*, to 64\.0 GiB \(--limit\)\n")

    def test_json(self):
        document = json.loads(mla("leaks", "--json", "--limit", "2G", self.leak).stdout)
        self.assertEqual(document["schema"], {"name": "mla-leaks", "version": 2})
        self.assertEqual((document["verdict"], document["limit_bytes"]), ("leak", 2 << 30))
        self.assertGreater(document["probability"], 0.8)
        rate = document["rate_bytes_per_hour"]
        self.assertTrue(rate["low"] < rate["value"] < rate["high"])
        self.assertGreater(document["hours_to_limit"], 0)
        site = document["sites"][0]
        self.assertIn("remember", [frame["function"] for frame in site["stack"]])
        self.assertAlmostEqual(site["rate_bytes_per_hour"]["value"] / rate["value"], 1, delta=0.3)

    def test_clean(self):
        document = json.loads(mla("leaks", "--json", self.clean).stdout)
        self.assertNotEqual(document["verdict"], "leak")
        self.assertEqual([s for s in document["sites"] if s["verdict"] == "leak"], [])

    def test_rate_that_matters(self):
        self.assertEqual(mla("leaks", "--fail-on", "1M/h", self.leak).returncode, 1)
        done = mla("leaks", "--fail-on", "1G/s", self.leak)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"stable, grows by [^:]+/h: it grows more slowly than is "
                                      "tolerated")
        self.assertNotIn("no leak", done.stdout)
        self.assertEqual(mla("leaks", "--fail-on", "1/d", self.clean).returncode, 3)

    def suppressions(self, text):
        path = os.path.join(self.directory.name, "known.supp")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def test_suppressed_leak(self):
        for pattern in ("^remember$", "rem*er", "^<string>$", "python"):  # function, file, module
            with self.subTest(pattern=pattern):
                known = self.suppressions("# known\nleak:%s\n" % pattern)
                done = mla("leaks", "--suppressions", known, self.leak)
                self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
                self.assertIn("% of the growth; the verdict is of the rest", done.stdout)
                self.assertIn("known.supp:2 leak:" + pattern, done.stdout)

    def test_suppressed_other(self):
        known = self.suppressions("leak:nothing_like_it\nleak:^member$")
        done = mla("leaks", "--suppressions", known, self.leak)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn("suppressed: 0 call sites", done.stdout)
        self.assertEqual(done.stdout.count("matched nothing: "), 2)
        both = mla("leaks", "--suppressions", known, "--suppressions",
                   self.suppressions("leak:remember"), self.leak)
        self.assertEqual(both.returncode, 0)

    def test_suppressed_json(self):
        known = self.suppressions("leak:remember\nleak:nothing_like_it")
        document = json.loads(mla("leaks", "--json", "--suppressions", known, self.leak).stdout)
        used, unused = document["suppressions"]
        self.assertEqual((used["line"], used["pattern"]), (1, "remember"))
        self.assertEqual((unused["line"], unused["sites"], unused["live_bytes"]), (2, 0, 0))
        self.assertGreater(document["suppressed_growth_share"], 0.9)
        self.assertTrue(document["judged_rest"])
        self.assertNotIn("leak", [site["verdict"] for site in document["sites"]])

    def test_bad_suppressions(self):
        for text, words in (("leak:a\nrace:b", ":2: is of type 'race'"), ("leak:", "no pattern")):
            known = self.suppressions(text)
            self.assert_one_line_error(mla("leaks", "--suppressions", known, self.leak), known,
                                       words)
        self.assert_one_line_error(mla("leaks", "--suppressions", "/none", self.leak), "/none")
        self.assert_one_line_error(
            mla("leaks", "--rule", "founding", "--suppressions", known, self.leak), "founding")

    def junit(self, *arguments):
        path = os.path.join(self.directory.name, "leaks.xml")
        done = mla("leaks", "--junit", path, *arguments)
        suite = xml.dom.minidom.parse(path).getElementsByTagName("testsuite")[0]
        cases = suite.getElementsByTagName("testcase")
        self.assertEqual(int(suite.getAttribute("tests")), len(cases))
        for name, tag in (("failures", "failure"), ("skipped", "skipped")):
            self.assertEqual(int(suite.getAttribute(name)), len(suite.getElementsByTagName(tag)))
        self.assertEqual(cases[0].getAttribute("name"), "process")
        return done, cases

    def test_junit(self):
        done, cases = self.junit(self.leak)
        self.assertEqual(done.returncode, 1)
        names = [case.getAttribute("name") for case in cases]
        self.assertTrue(any("remember" in name for name in names), names)
        self.assertEqual(len(set(names)), len(names))
        for case in cases:
            self.assertEqual(len(case.getElementsByTagName("failure")), 1)
        failure = cases[0].getElementsByTagName("failure")[0]
        self.assertRegex(failure.getAttribute("message"), "^leak, .*/h: ")
        self.assertIn("while time.monotonic() < end:", failure.firstChild.data)

        done, cases = self.junit(self.clean)
        self.assertEqual((done.returncode, len(cases)), (0, 1))
        done, cases = self.junit("--fail-on", "1/d", self.clean)
        self.assertEqual((done.returncode, len(cases)), (3, 1))
        self.assertEqual(len(cases[0].getElementsByTagName("skipped")), 1)
        self.assert_one_line_error(mla("leaks", "--junit", "/none/x", self.leak), "/none/x")

    def test_junit_of_odd_names(self):
        path = os.path.join(self.directory.name, "odd.mla")
        program = WORK.replace("LEAK", "True").replace("SECONDS", "1") + "# <&\x01\x1b\"']]>\n"
        done = mla("run", "--quiet", "-o", path, "--", sys.executable, "-c", program,
                   "\udcff\n%,\ufffe")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.junit(path)

    def test_github(self):
        os.makedirs(os.path.join(self.directory.name, "tests"), exist_ok=True)
        recording = self.recorded("file", True, "tests/a,b.py")
        done = mla("leaks", "--github", recording, cwd=self.directory.name)
        lines = [line for line in done.stdout.splitlines() if line.startswith("::")]
        self.assertRegex(lines[0], r"^::error file=tests/a%2Cb.py,line=5,title=mla leaks%3A "
                                   r"python[0-9.]*::leak, .*/h: remember%0A.*$")
        done = mla("leaks", "--github", recording, cwd="/")  # not where the sources are
        self.assertRegex(done.stdout, r"\n::error file=tmp/|\n::error title=")
        done = mla("leaks", "--github", self.clean)
        self.assertNotIn("::", done.stdout)
        done = mla("leaks", "--github", "--fail-on", "1/d", self.clean)
        self.assertIn("\n::warning title=", done.stdout)
        self.assert_one_line_error(mla("leaks", "--github", "--json", self.leak), "--github")

    def test_founding_rule(self):
        done = mla("leaks", "--rule", "founding", "--invalid-count", "10", self.leak)
        self.assertEqual(done.returncode, 1)
        self.assertIn("[if_notify_wechat]: True", done.stdout)
        document = json.loads(mla("leaks", "--rule", "founding", "--json", self.leak).stdout)
        self.assertEqual(document["schema"], {"name": "mla-leaks", "version": 1})

    def test_usage(self):
        for arguments, word in (
                (["--invalid-count", "10"], "--rule founding"),
                (["--rule", "founding", "--fail-on", "1M"], "--fail-on"),
                (["--fail-on", "fast"], "no rate"),
                (["--fail-on", "1M/y"], "no rate"),
                (["--limit", "-1"], "no amount")):
            with self.subTest(arguments=arguments):
                self.assert_one_line_error(mla("leaks", *arguments, self.leak), word)


if __name__ == "__main__":
    unittest.main()
