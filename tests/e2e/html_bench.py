"""The page of `mla bench --html` in headless Chromium; see html_report.py."""
import json
import os
import subprocess
import unittest

import browser
import harness
from cli_support import environment
from html_report import EVIL, NO_BROWSER, SCREENSHOTS, count_of, open_text, text_of


@unittest.skipUnless(browser.find_chromium(), NO_BROWSER)
class Driven(harness.Case):
    def test_page(self):
        page, document = self.path("bench.html"), self.path("bench.json")
        program = ("x = [bytearray(100000) for _ in range(300)]\nimport time\ntime.sleep(0.1)\n"
                   "# %s\n" % EVIL)
        made = subprocess.run(
            [harness.BIN, "bench", "--allocators", "ptmalloc2", "--config",
             "one=MALLOC_ARENA_MAX=1", "--config", "top=MALLOC_TOP_PAD_=1000000", "--rounds", "2",
             "--html", page, "--json", document, "--", harness.PYTHON, "-I", "-S", "-c", program],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
            timeout=harness.TIMEOUT)
        self.assertEqual(made.returncode, 0, made.stderr)
        with open(document, encoding="utf-8") as source:
            configurations = json.load(source)["configurations"]
        self.assertNotIn("owned", open_text(page))
        b = browser.Browser()
        self.addCleanup(b.close)
        b.prefers("light")
        b.open(page)
        self.assertEqual(b.run("[...document.querySelectorAll('h2')].map(h => h.textContent)"),
                         ["Result", "Memory over time", "Memory against time", "Table",
                          "Caveats"])
        self.assertIn(EVIL, b.run(text_of("h1")))
        self.assertEqual(b.run(count_of(".chart canvas")), 1)
        names = [one["name"] for one in configurations]
        legend = b.run("[...document.querySelectorAll('.u-legend .u-label')]"
                       ".map(e => e.textContent)")
        self.assertEqual(legend[1:], names)
        self.assertEqual(sorted(b.run("[...document.querySelectorAll('.scatter .name')]"
                                      ".map(e => e.textContent)")), sorted(names))
        filled = b.run("[...document.querySelectorAll('.scatter .mark')]"
                       ".filter(e => getComputedStyle(e).fill !== 'none').length")
        self.assertEqual(filled, sum(one["pareto"] for one in configurations))
        rows = b.run("[...document.querySelectorAll('#table tbody tr')]"
                     ".map(r => [...r.children].map(c => c.textContent))")
        self.assertEqual([row[0] for row in rows], names)
        self.assertRegex(rows[0][1], r"^[34]\d\.\d MiB$")
        self.assertEqual((rows[0][2], rows[0][8]), ("", "baseline"))
        self.assertRegex(rows[1][2], r"^[+-]?\d+\.\d %$")
        self.assertEqual(rows[1][4], "too few rounds")
        self.assertIn("Nothing is decided by fewer than 5 rounds.",
                      b.run("document.querySelector('#result .verdict').textContent"))
        self.shot(b, "contents")
        b.run("document.activeElement.blur()")
        b.key("t")
        self.shot(b, "dark")
        self.assertEqual(b.complaints, [])
        self.assertEqual(set(b.requests), {"file://" + page})

    def shot(self, b, name):
        if SCREENSHOTS:
            b.screenshot(os.path.join(SCREENSHOTS, "bench_" + name + ".png"), whole=True)


class Page(harness.Case):
    def test_a_page_that_cannot_be_written_is_said_first(self):
        command = [harness.BIN, "bench", "--html", "/nowhere/a.html", "--", "/bin/true"]
        made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=environment())
        self.assertEqual((made.returncode, made.stdout), (2, b""))
        self.assertRegex(made.stderr.decode(), r"^mla: /nowhere/a.html: .*\n$")


if __name__ == "__main__":
    harness.main()
