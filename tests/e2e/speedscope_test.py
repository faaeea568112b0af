"""mla report --speedscope and --folded, imported by speedscope itself in headless Chromium.

MLA_SPEEDSCOPE: the directory with speedscope's node_modules.
"""
import base64
import json
import os
import time
import unittest

import browser
import exports_support as support
import harness

PAGE = os.path.join(os.environ["MLA_SPEEDSCOPE"], "node_modules/speedscope/dist/release/index.html")


@unittest.skipUnless(browser.find_chromium(), "no Chromium is installed: speedscope is not driven")
class Speedscope(harness.Case):
    def imported(self, profile):
        """Title and text of speedscope's sandwich view of it: a table of functions."""
        script = self.path("profile.js")
        with open(script, "w", encoding="utf-8") as out:
            # As speedscope's own command line hands a file over.
            out.write("speedscope.loadFileFromBase64('profile', %s)"
                      % json.dumps(base64.b64encode(profile).decode()))
        page = browser.Browser()
        self.addCleanup(page.close)
        page.send("Page.navigate",
                  url="file://%s#localProfilePath=%s&view=sandwich" % (PAGE, script))
        end = time.monotonic() + browser.TIMEOUT
        text = ""
        while "Symbol Name" not in text and time.monotonic() < end:
            time.sleep(0.1)
            text = page.run("document.body ? document.body.innerText : ''")
        page.settle()
        # Drawn without a graphics card, it has something to say of that.
        self.assertEqual([c for c in page.complaints if "WebGL" not in c], [])
        return page.run("document.title"), text

    def test_its_own_format(self):
        path = support.record_inlined(self)
        title, text = self.imported(support.report("--speedscope", path))
        self.assertRegex(title, r"^export_inlined \d+, bytes live - speedscope$")
        total = support.totals(path)["live"]
        # All of it is below main.
        self.assertIn("%.2f KB (100%%)" % (total / 1024), text)
        for name in ("::grow", "::keep(unsigned long)", "main"):
            self.assertIn(name, text)

    def test_folded(self):
        path = support.record_inlined(self)
        title, text = self.imported(support.report("--folded", path))
        self.assertEqual(title, "profile - speedscope")
        self.assertIn("{:,} (100%)".format(support.totals(path)["live"]), text)


if __name__ == "__main__":
    unittest.main()
