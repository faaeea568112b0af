"""The page of `mla report --html` in headless Chromium, driven as a person would: search, zoom,
a range of time, sorting, light and dark, printing; without network and without console errors.

MLA_SCREENSHOTS: a directory to keep screenshots in.
"""
import base64
import os
import re
import shutil
import subprocess
import unittest
import zlib

import browser
import harness

HERE = os.path.dirname(os.path.abspath(__file__))
SCREENSHOTS = os.environ.get("MLA_SCREENSHOTS")
NO_BROWSER = "no Chromium is installed: the page is not driven"
EVIL = "</script><script>document.title='owned'</script>"


def text_of(selector):
    return "document.querySelector(%r).textContent" % selector


def count_of(selector):
    return "document.querySelectorAll(%r).length" % selector


def report_page(case, arguments=()):
    """Records html_leak.py and makes the page; its path."""
    ran = case.recorded([harness.PYTHON, os.path.join(HERE, "programs", "html_leak.py"),
                         "--title", EVIL, *arguments])
    case.assertEqual(ran.returncode, 0, ran.stderr)
    page = case.path("report.html")
    made = subprocess.run([harness.BIN, "report", "--html", page, case.files()[0]],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=harness.TIMEOUT)
    case.assertEqual((made.returncode, made.stdout, made.stderr), (0, b"", b""))
    return page


def open_text(page):
    with open(page, encoding="utf-8") as file:
        return file.read()


class Page(harness.Case):
    """What holds of the file itself."""

    def test_other_forms_of_report(self):
        for option in ("--json", "--folded", "--top=3", "--by=line", "--native", "--output=x"):
            made = subprocess.run([harness.BIN, "report", "--html", "a.html", option, "1"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  cwd=self.directory)
            self.assertEqual(made.returncode, 2, option)
            self.assertIn(b"--html", made.stderr)
        self.assertEqual(os.listdir(self.directory), [])

    def test_unreadable_recording_keeps_the_page(self):
        page = self.path("a.html")
        with open(page, "w") as out:
            out.write("older")
        made = subprocess.run([harness.BIN, "report", "--html", page, self.path("absent.mla")],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(made.returncode, 2)
        self.assertEqual(open_text(page), "older")

    def test_file(self):
        page = report_page(self)
        text = open_text(page)
        data = re.search(r'id="data">([^<]*)</script>', text).group(1)
        self.assertLess(len(text) - len(data), 2 << 20, "the page without its data")
        self.assertIn("default-src 'none'", text)
        self.assertNotIn("unsafe", re.search(r"Content-Security-Policy[^>]*>", text).group())
        self.assertNotIn("owned", text)
        for package in ("uplot", "d3-flame-graph", "d3-selection"):
            self.assertRegex(text, r"\n%s [\d.]+\n\n.*(License|LICENSE|Copyright)" % package)
        self.assertEqual(re.findall(r'(?:src|href)="(?!#)[^"]*"', text), [])
        # What the page does with DecompressionStream.
        self.assertIn(b"html_leak.py", zlib.decompress(base64.b64decode(data)))

    def test_output_that_cannot_be_written(self):
        ran = self.recorded(["/bin/true"])
        self.assertEqual(ran.returncode, 0)
        made = subprocess.run([harness.BIN, "report", "--html", "/nowhere/a.html", self.files()[0]],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(made.returncode, 2)
        self.assertRegex(made.stderr.decode(), r"^mla: /nowhere/a.html: .*\n$")


@unittest.skipUnless(browser.find_chromium(), NO_BROWSER)
class Driven(harness.Case):
    def setUp(self):
        super().setUp()
        self.page = report_page(self)
        self.browser = browser.Browser()
        self.addCleanup(self.browser.close)
        self.browser.prefers("light")
        self.browser.open(self.page)

    def shot(self, name):
        if SCREENSHOTS:
            self.browser.screenshot(os.path.join(SCREENSHOTS, name + ".png"))

    def test_page(self):
        b = self.browser
        self.check_contents(b)
        self.check_search_and_zoom(b)
        self.check_choices(b)
        self.check_sites(b)
        self.check_range(b)
        self.check_keys(b)
        self.check_themes(b)
        self.check_print(b)
        self.assertEqual(b.complaints, [])
        self.assertEqual(set(b.requests), {"file://" + self.page})

    def check_contents(self, b):
        headings = b.run("[...document.querySelectorAll('h2')].map(h => h.textContent)")
        self.assertEqual(headings, ["Verdict", "Timeline", "Flame graph", "Call sites",
                                    "RSS ledger", "Threads", "Process and settings",
                                    "Losses and caveats"])
        self.assertIn(EVIL, b.run(text_of("h1")), "an argument is text")
        self.assertNotEqual(b.run("document.title"), "owned")
        self.assertEqual(b.run(count_of("main script, main img")), 0)
        self.assertRegex(b.run(text_of(".verdict .headline")), r"^(Leak: |Not enough data)")
        self.assertGreaterEqual(b.run(count_of(".chart canvas")), 2)
        nameless = b.run("""
            [...document.querySelectorAll('input, button, nav, section, [tabindex]')]
            .filter(e => !(e.textContent.trim() || e.getAttribute('aria-label') ||
                           e.getAttribute('aria-labelledby') || e.labels?.length))
            .map(e => e.outerHTML)""")
        self.assertEqual(nameless, [], "every control has an accessible name")
        ids = b.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
        self.assertEqual(len(ids), len(set(ids)))
        self.shot("contents")

    def frames(self, b):
        return b.run("[...document.querySelectorAll('.flame g.frame')]"
                     ".map(g => [g.getAttribute('name'), +g.getAttribute('width')])")

    def check_search_and_zoom(self, b):
        names = dict(self.frames(b))
        self.assertIn("grow", names)
        whole = names["all"]
        self.assertLess(names["grow"], whole)
        self.assertTrue(any(EVIL in name for name in names), "a function's name is text")
        b.click("#flame-search")
        b.type("grow")
        self.assertRegex(b.run(text_of("#flame-found")), r"^\d+ frames?, 1[12]\.\d MiB, \d+\.\d %$")
        self.shot("search")
        b.click(".flame g[name=grow]")
        self.assertAlmostEqual(dict(self.frames(b))["grow"], whole, delta=1)
        self.assertIn("grow", b.run(text_of("#flame-details")))
        self.shot("zoom")
        b.key("0")
        b.run("document.activeElement.blur()")
        b.key("0")
        self.assertAlmostEqual(dict(self.frames(b))["grow"], names["grow"], delta=1)
        b.run("document.querySelector('#flame-search').value = ''")

    def check_choices(self, b):
        outermost = self.second_row(b)
        b.click("#flame-invert")
        self.assertNotEqual(self.second_row(b), outermost)
        self.assertIn("grow", self.second_row(b))
        self.shot("inverted")
        b.click("#flame-invert")
        for view, there, gone in (("native", "main", "grow"), ("all", "grow", None),
                                  ("python", "grow", "_start"), ("merged", "grow", None)):
            b.run("document.querySelector('#flame input[value=%s]').click()" % view)
            names = dict(self.frames(b))
            if view != "native":  # a stripped interpreter has no names
                self.assertIn(there, names, view)
            self.assertNotIn(gone, names, view)
        for metric in ("allocated", "peak", "growth", "live"):
            b.run("document.querySelector('#flame input[value=%s]').click()" % metric)
            self.assertIn("grow", dict(self.frames(b)), metric)

    def second_row(self, b):
        """Names of the frames below the root."""
        return b.run("""[...document.querySelectorAll('.flame g.frame')]
            .filter(g => g.getAttribute('transform').endsWith(',20)'))
            .map(g => g.getAttribute('name'))""")

    def rows(self, b):
        return b.run("[...document.querySelectorAll('.sites .rows .row')]"
                     ".map(r => [...r.children].map(c => c.textContent))")

    def check_sites(self, b):
        first = self.rows(b)[0]
        self.assertIn("grow", first[0])
        self.assertIn("11.4 MiB", first[1])
        self.assertLess(len(self.rows(b)), 60, "only the rows in sight are there")
        number = re.match(r"([\d,]+) call sites", b.run(text_of("#sites-note"))).group(1)
        self.assertGreater(int(number.replace(",", "")), 400)
        for column, at in (("allocations", 5), ("blocks", 3)):
            b.click(".sites [data-column=%s]" % column)
            values = [int(row[at].replace(",", "")) for row in self.rows(b)]
            self.assertEqual(values, sorted(values, reverse=True), column)
            b.click(".sites [data-column=%s]" % column)
            values = [int(row[at].replace(",", "")) for row in self.rows(b)]
            self.assertEqual(values, sorted(values), column)
        b.click(".sites [data-column=live]")
        b.click("#sites-filter")
        b.type("many.py:400")  # the line of f199
        b.wait("document.querySelectorAll('.sites .rows .row').length < 5")
        self.assertEqual({row[0].split("many.py")[0] for row in self.rows(b)}, {"▸f199"})
        b.click(".sites .rows .row")
        self.assertIn("many.py:400", b.run(text_of(".sites .panel")))
        self.assertEqual(b.run("document.querySelector('.sites .rows .row').ariaExpanded"), "true")
        self.shot("sites")
        b.run("""(() => { const f = document.querySelector('#sites-filter');
                 f.value = ''; f.dispatchEvent(new Event('input')); })()""")
        b.wait("document.querySelectorAll('.sites .rows .row').length > 1")
        before = self.rows(b)[0]
        b.run("document.querySelector('.sites').scrollTop = 5000")
        b.settle()
        self.assertNotEqual(self.rows(b)[0], before, "scrolling brings other rows")
        b.run("document.querySelector('.sites').scrollTop = 0")

    def check_range(self, b):
        x, y, width, height = b.box("#timeline .u-over")
        b.drag((x + width * 0.4, y + height / 2), (x + width * 0.8, y + height / 2))
        self.assertRegex(b.run(text_of("#timeline-range")), r"RSS [+-].*, live \+\d")
        self.assertRegex(b.run(text_of("#sites-note")), r"^\d+ of [\d,]+ call sites")
        names = [row[0] for row in self.rows(b)]
        self.assertTrue(any("grow" in name for name in names), names)
        self.assertFalse(any("once" in name for name in names), "it did not grow then")
        self.assertTrue(b.run("document.querySelector('#flame input[value=growth]').checked"))
        self.assertNotIn("once", dict(self.frames(b)))
        self.shot("range")
        b.run("document.activeElement.blur()")
        b.key("Escape")
        self.assertRegex(b.run(text_of("#sites-note")), r"^[\d,]+ call sites")
        self.assertIn("once", dict(self.frames(b)))
        b.run("""(() => { const f = document.querySelector('#timeline-from');
                 f.value = '1'; f.dispatchEvent(new Event('change')); })()""")
        self.assertTrue(b.run(text_of("#timeline-range")).startswith("1.0 s to "))
        b.click("#timeline .controls button")

    def check_keys(self, b):
        b.key("?")
        self.assertTrue(b.run("document.querySelector('dialog').open"))
        keys = b.run("[...document.querySelectorAll('dialog kbd')].map(k => k.textContent)")
        self.assertEqual(len(keys), len(set(keys)))
        self.shot("keys")
        b.click("dialog button")
        self.assertFalse(b.run("document.querySelector('dialog').open"))
        b.key("/")
        self.assertEqual(b.run("document.activeElement.id"), "sites-filter")
        b.key("Escape")
        b.key("f")
        self.assertEqual(b.run("document.activeElement.id"), "flame-search")
        b.key("Escape")
        b.run("document.querySelector('.flame').focus()")
        b.key("ArrowDown")
        self.assertIn("MiB", b.run(text_of("#flame-details")))
        b.run("document.querySelector('.sites').focus()")
        b.key("ArrowDown")
        b.key("Enter")
        self.assertEqual(b.run(count_of(".sites .row.focus[aria-expanded=true]")), 1)

    def check_themes(self, b):
        paper = "getComputedStyle(document.body).backgroundColor"
        self.assertEqual(b.run(paper), "rgb(255, 255, 255)")
        b.run("document.activeElement.blur()")
        b.key("t")
        dark = b.run(paper)
        self.assertNotEqual(dark, "rgb(255, 255, 255)")
        self.shot("dark")
        b.key("t")
        self.assertEqual(b.run(paper), "rgb(255, 255, 255)")
        b.prefers("dark")
        b.open(self.page)
        self.assertEqual(b.run(paper), dark, "the browser's wish")
        self.assertGreaterEqual(b.run(count_of(".chart canvas")), 2)

    def check_print(self, b):
        pdf = b.pdf()
        self.assertTrue(pdf.startswith(b"%PDF"))
        if SCREENSHOTS:
            with open(os.path.join(SCREENSHOTS, "print.pdf"), "wb") as out:
                out.write(pdf)
        # What paper gets: light, the call sites as a list that ends, and back afterwards.
        b.run("dispatchEvent(new Event('beforeprint'))")
        b.settle()
        self.assertEqual(b.run("document.documentElement.dataset.theme"), "light")
        self.assertEqual(b.run(count_of(".sites .rows .row")), 40)
        b.run("dispatchEvent(new Event('afterprint'))")
        # Printing does not wait for what is drawn in a moment.
        drawn = b.run("""dispatchEvent(new Event('beforeprint')),
            [...document.querySelectorAll('.flame g.frame')].map(g => [
                g.querySelector('div').textContent, +g.querySelector('rect').getAttribute('width'),
                +g.getAttribute('width')])""")
        self.assertIn("grow", [name for name, _, _ in drawn])
        for name, width, wanted in drawn:
            self.assertAlmostEqual(width, wanted, delta=0.1, msg=name)
            self.assertLess(width, 700)
        b.run("dispatchEvent(new Event('afterprint'))")
        self.assertEqual(b.run("document.documentElement.dataset.theme"), "dark")
        if shutil.which("pdftotext"):
            path = self.path("report.pdf")
            with open(path, "wb") as out:
                out.write(pdf)
            text = subprocess.run(["pdftotext", path, "-"], stdout=subprocess.PIPE).stdout.decode()
            for word in ("Verdict", "grow", "RSS ledger", "more call sites"):
                self.assertIn(word, text)


@unittest.skipUnless(browser.find_chromium(), NO_BROWSER)
class Bare(harness.Case):
    def test_recordings_with_next_to_nothing_in_them(self):
        self.recorded(["/bin/true"])
        self.recorded([harness.PYTHON, "-c", "import os; os._exit(0)"],
                      variables={"MLA_SAMPLE": "off"})
        pages = []
        for i, recording in enumerate(self.files()):
            pages.append(self.path("%d.html" % i))
            subprocess.run([harness.BIN, "report", "--html", pages[-1], recording], check=True)
        self.assertEqual(len(pages), 2)
        b = browser.Browser()
        self.addCleanup(b.close)
        for page in pages:
            b.open(page)
            self.assertEqual(b.run(count_of("section")), 8)
            self.assertEqual(b.run(count_of(".failed")), 0)
        self.assertEqual(b.complaints, [])


if __name__ == "__main__":
    harness.main()
