"""The page of `mla diff --html` in headless Chromium; see html_report.py."""
import os
import shutil
import subprocess
import unittest

import browser
import harness
from html_report import EVIL, NO_BROWSER, SCREENSHOTS, count_of, open_text, text_of

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = """
import sys, time
held = {}
def stays():
    held["stays"] = [bytearray(900) for _ in range(2000)]
def grows(n):
    held["grows"] = [bytearray(1000) for _ in range(n)]
def shrinks(n):
    held["shrinks"] = [bytearray(1100) for _ in range(n)]
def shifted():
    held["shifted"] = [bytearray(700) for _ in range(1500)]
stays(); shifted()
grows(int(sys.argv[1])); shrinks(int(sys.argv[2]))
end = time.monotonic() + float(sys.argv[3])
while time.monotonic() < end:
    bytearray(5000)
    time.sleep(0.01)
import os
os._exit(0)
"""


@unittest.skipUnless(browser.find_chromium(), NO_BROWSER)
class Driven(harness.Case):
    def setUp(self):
        super().setUp()
        edited = WORK.replace("def shifted", "# put in\n\ndef shifted").replace(
            "import os", "def leaks():\n    held['leaks'] = bytearray(3000000)\nleaks()\nimport os")
        a = self.record("a", WORK, "2000", "9000", EVIL)
        b = self.record("b", edited, "12000", "4000", EVIL)
        self.page = self.path("diff.html")
        made = subprocess.run([harness.BIN, "diff", "--html", self.page, a, b],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((made.returncode, made.stdout, made.stderr), (0, b"", b""))
        self.recording = a
        self.browser = browser.Browser()
        self.addCleanup(self.browser.close)
        self.browser.prefers("light")
        self.browser.open(self.page)

    def record(self, name, program, *arguments):
        os.mkdir(self.path("of_" + name))
        source = os.path.join(self.path("of_" + name), "keeps.py")
        with open(source, "w", encoding="utf-8") as out:
            out.write(program)
        for seconds in (1.2, 5, 20, 60):
            shutil.rmtree(self.path(name), ignore_errors=True)
            self.recorded([harness.PYTHON, "-I", "-S", source, *arguments[:2], str(seconds),
                           *arguments[2:]], variables={"MLA_DIR": self.path(name)})
            recording, = self.files(self.path(name))
            looked = subprocess.run([harness.BIN, "why", "--json", recording],
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            if looked.returncode == 0:
                return recording  # on a busy machine the first walk takes its time
        self.fail("no walk over the pages was ended")

    def shot(self, name):
        if SCREENSHOTS:
            self.browser.screenshot(os.path.join(SCREENSHOTS, "diff_" + name + ".png"), whole=True)

    def rows(self, b):
        return b.run("[...document.querySelectorAll('.sites .rows .row')]"
                     ".map(r => [...r.children].map(c => c.textContent))")

    def row_of(self, b, function):
        found = [row for row in self.rows(b) if function in row[0]]
        self.assertTrue(found, function)
        return found[0]  # the largest

    def fills(self, b):
        return dict(b.run("""[...document.querySelectorAll('.flame g.frame')].map(g =>
            [g.getAttribute('name'), g.querySelector('rect').getAttribute('fill')])"""))

    def test_page(self):
        b = self.browser
        self.assertNotIn("owned", open_text(self.page))
        self.assertEqual(b.run("[...document.querySelectorAll('h2')].map(h => h.textContent)"),
                         ["Change", "Timeline", "Flame graph", "Call sites", "RSS ledger",
                          "Matching and caveats"])
        self.assertIn(EVIL, b.run(text_of("h1")))
        self.assertRegex(b.run(text_of(".verdict .headline")), r"^Live \+\d\.\d MiB$")
        self.assertEqual(b.run(count_of("header h1")), 2)
        self.assertEqual(b.run(count_of(".chart canvas")), 2)
        self.shot("contents")
        self.check_sites(b)
        self.check_flame(b)
        self.check_ledger(b)
        b.run("document.activeElement.blur()")
        b.key("t")
        self.shot("dark")
        b.run("dispatchEvent(new Event('beforeprint'))")
        b.settle()
        self.assertEqual(b.run("document.documentElement.dataset.theme"), "light")
        b.run("dispatchEvent(new Event('afterprint'))")
        ids = b.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual(b.complaints, [])
        self.assertEqual(set(b.requests), {"file://" + self.page})

    def check_sites(self, b):
        first = self.rows(b)[0]
        self.assertIn("grows", first[0])
        self.assertRegex(first[1], r"^\+(9|10)\.\d MiB$")
        self.assertRegex(self.row_of(b, "shrinks")[1], r"^-5\.\d MiB$")
        leak = self.row_of(b, "leaks")
        self.assertEqual((leak[1], leak[2], leak[5]), ("+2.9 MiB", "0 B", "new in B"))
        tones = b.run("[...document.querySelectorAll('.sites .rows .row')].slice(0, 2)"
                      ".map(r => r.children[1].className)")
        self.assertEqual(tones, ["number more", "number less"])
        b.run("""(() => { const f = document.querySelector('#sites-filter');
                 f.value = 'shifted'; f.dispatchEvent(new Event('input')); })()""")
        b.wait("document.querySelectorAll('.sites .rows .row').length < 5")
        shifted = self.rows(b)[0]
        self.assertEqual((shifted[1], shifted[5]), ("0 B", "lines moved"))
        b.click(".sites .rows .row")
        self.assertRegex(b.run(text_of(".sites .panel .facts")), r"^A .* bytes in .* blocks?; B ")
        b.run("""(() => { const f = document.querySelector('#sites-filter');
                 f.value = ''; f.dispatchEvent(new Event('input')); })()""")
        b.click(".sites [data-column=match]")
        b.click(".sites [data-column=change]")
        self.assertEqual(self.rows(b)[0][0], first[0])

    def check_flame(self, b):
        fills = self.fills(b)
        self.assertRegex(fills["grows"], r"^(hsl\(6 |rgb\(2\d\d, )")
        self.assertNotIn("shifted", fills)
        grown, shrunk = fills["grows"], fills["shrinks"]
        self.assertNotEqual(grown, shrunk)
        b.run("document.querySelector('#flame input[value=b]').click()")
        fills = self.fills(b)
        self.assertEqual(fills["leaks"], grown, "all of it is new")
        self.assertNotIn(fills["stays"], (grown, shrunk))
        self.shot("alive_in_b")
        b.run("document.querySelector('#flame input[value=a]').click()")
        fills = self.fills(b)
        self.assertNotIn("leaks", fills)
        self.assertIn("shrinks", fills)
        b.run("document.querySelector('#flame input[value=change]').click()")
        b.click(".flame g[name=grows]")
        self.assertIn("changed by +", b.run(text_of("#flame-details")))

    def check_ledger(self, b):
        rows = b.run("[...document.querySelectorAll('.ledger-bars tbody tr')]"
                     ".map(r => [...r.children].slice(0, 4).map(c => c.textContent))")
        self.assertEqual(rows[0][0], "live, as requested")
        self.assertEqual(rows[-1][0], "RSS")
        self.assertTrue(all(len(row) == 4 for row in rows))

    def test_moments(self):
        page = self.path("moments.html")
        made = subprocess.run([harness.BIN, "diff", "--html", page, "--from", "0", self.recording],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((made.returncode, made.stderr), (0, b""))
        b = self.browser
        b.open(page)
        self.assertEqual(b.run(count_of(".failed")), 0)
        self.assertIn("apart", b.run(text_of(".verdict")))
        self.assertIn("shrinks", "".join(row[0] for row in self.rows(b)))
        self.assertEqual(b.complaints, [])


class Page(harness.Case):
    def test_other_forms(self):
        for option in ("--json", "--top=3", "--all", "--native", "--sort=live", "--output=x"):
            made = subprocess.run([harness.BIN, "diff", "--html", "a.html", option, "1", "2"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  cwd=self.directory)
            self.assertEqual(made.returncode, 2, option)
        self.assertEqual(os.listdir(self.directory), [])


if __name__ == "__main__":
    harness.main()
