#!/usr/bin/env python3
"""Makes the picture of the README: docs/html.png, the page of a leaking demo server.

Needs Chromium and a finished build.
"""
import argparse
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

import load

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
import browser  # noqa: E402

SECONDS = 25


def record(build, directory):
    """Records a copy of the server, so that no path of this machine is in the picture."""
    script = shutil.copy(os.path.join(HERE, "run_server.py"), directory)
    recordings = os.path.join(directory, "recordings")
    server = subprocess.Popen(
        ["/usr/bin/python3", script, "--leak", "python"], stdout=subprocess.PIPE, text=True,
        env=dict(os.environ, LD_PRELOAD=os.path.join(build, "preload", "libmla.so"),
                 MLA_DIR=recordings))
    try:
        port = int(server.stdout.readline().rsplit(":", 1)[1])
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            load.Load(port, 40, 4, 30, seed=1).run()
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    return glob.glob(os.path.join(recordings, "*.mla"))[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--output", default=os.path.join(ROOT, "docs", "html.png"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="demo-") as directory:
        recording = record(os.path.abspath(options.build), directory)
        page = os.path.join(directory, "report.html")
        subprocess.run([os.path.join(options.build, "tools", "mla"), "report", "--html", page,
                        recording], check=True)
        window = browser.Browser(1180, 1240)
        try:
            window.prefers("light")
            window.open(page)
            window.screenshot(options.output)
        finally:
            window.close()


if __name__ == "__main__":
    main()
