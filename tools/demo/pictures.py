#!/usr/bin/env python3
"""Makes the pictures of README and docs: pages of the demo server, a diff and a bench; mla top.

Needs Chromium, tmux and a finished build. They show what mla printed, as it was.
"""
import argparse
import glob
import html
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import load

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
import browser  # noqa: E402
import terminal  # noqa: E402

SECONDS = 25
PYTHON = "/usr/bin/python3"
TERMINAL = (110, 30)
COLOURS = ("#3b4252", "#bf616a", "#a3be8c", "#ebcb8b", "#81a1c1", "#b48ead", "#88c0d0", "#d8dee9")
PAGE = """<meta charset=utf-8><body style="margin:0;background:#2e3440">
<pre id=app aria-busy=false style="display:inline-block;margin:0;padding:14px;color:#d8dee9;
font:14px/1.25 DejaVu Sans Mono,monospace">%s</pre>"""


class Server:
    """The demo server, recorded, under load. Of a copy of the script: no path of this machine is in
    the picture."""

    def __init__(self, build, directory, *options):
        self.directory = os.path.join(directory, "-".join(options).strip("-"))
        script = shutil.copy(os.path.join(HERE, "run_server.py"), directory)
        self.process = subprocess.Popen(
            [PYTHON, script, *options], stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, LD_PRELOAD=os.path.join(build, "preload", "libmla.so"),
                     MLA_DIR=self.directory))
        port = int(self.process.stdout.readline().rsplit(":", 1)[1])
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.work, args=(port,))
        self.thread.start()

    def work(self, port):
        while not self.ended.is_set():
            load.Load(port, 40, 4, 30, seed=1).run()

    def end(self):
        """Its recording."""
        self.ended.set()
        self.thread.join()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        return glob.glob(os.path.join(self.directory, "*.mla"))[0]


def style_of(state):
    colour, bold, dim, reverse = (state.get(k) for k in ("colour", "bold", "dim", "reverse"))
    words = []
    if reverse:
        words.append("color:#2e3440;background:#d8dee9")
    elif colour is not None:
        words.append("color:" + COLOURS[colour])
    return ";".join(words + ["font-weight:bold"] * bool(bold) + ["opacity:.6"] * bool(dim))


def page_of(screen):
    """What tmux captured, with its colours, as HTML."""
    shown = []
    state = {}
    for part in re.split("(\x1b\\[[0-9;]*m)", screen):
        if not part.startswith("\x1b"):
            shown.append("<span style='%s'>%s</span>" % (style_of(state), html.escape(part)))
            continue
        for code in (int(c or 0) for c in part[2:-1].split(";")):
            if code == 0:
                state = {}
            elif code in (1, 2, 7):
                state[{1: "bold", 2: "dim", 7: "reverse"}[code]] = True
            elif code == 22:
                state.update(bold=False, dim=False)
            elif code == 27:
                state["reverse"] = False
            elif code == 39:
                state["colour"] = None
            elif 30 <= code <= 37 or 90 <= code <= 97:
                state["colour"] = code % 10
    return PAGE % "".join(shown)


def captured(mla, pid, directory, environment):
    pane = terminal.Terminal(directory, *TERMINAL, environment)
    try:
        pane.run(mla, "top", pid)
        time.sleep(5)  # for growth and rate to be known
        pane.keys("Enter")  # the stack of the first
        time.sleep(1)
        return pane.screen("-e")
    finally:
        pane.close()


def bench_of(script):
    """Each allocator under the same load, five times."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return ("--rounds", "5", "--ready", "127.0.0.1:%d" % port, "--idle", "2", "--load",
            "%s %s %d --requests 150" % (PYTHON, os.path.join(os.path.dirname(script), "load.py"),
                                         port),
            "--", PYTHON, script, "--burst", "--port", str(port))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--output", default=os.path.join(ROOT, "docs"), help="a directory")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    mla = os.path.join(build, "tools", "mla")
    with tempfile.TemporaryDirectory(prefix="demo-") as directory:
        def page(*arguments):
            path = os.path.join(directory, arguments[0] + ".html")
            subprocess.run([mla, arguments[0], "--html", path, *arguments[1:]], check=True)
            return path
        servers = [Server(build, directory, *options)
                   for options in (("--clean",), ("--leak", "python"))]
        time.sleep(SECONDS)
        screen = captured(mla, str(servers[1].process.pid), directory,
                          dict(os.environ, MLA_DIR=servers[1].directory))
        clean, leaking = (server.end() for server in servers)
        top = os.path.join(directory, "top.html")
        with open(top, "w", encoding="utf-8") as out:
            out.write(page_of(screen))
        script = os.path.join(directory, "run_server.py")
        shutil.copy(os.path.join(HERE, "load.py"), directory)
        pages = (("html", page("report", leaking), (1180, 1240)),
                 ("diff", page("diff", clean, leaking), (1180, 1000)),
                 ("bench", page("bench", *bench_of(script)), (1180, 1150)),
                 ("top", top, None))
        window = browser.Browser(1180, 1240)
        try:
            window.prefers("light")
            for name, path, size in pages:
                window.open(path)
                window.size(*(size or window.run(
                    "[...['width', 'height'].map(s => "
                    "Math.ceil(document.getElementById('app').getBoundingClientRect()[s]))]")))
                window.settle()
                window.screenshot(os.path.join(options.output, name + ".png"))
        finally:
            window.close()


if __name__ == "__main__":
    main()
