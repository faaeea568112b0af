"""A terminal for programs under test: tmux."""
import os
import re
import shlex
import subprocess
import time

SECONDS = 60  # bound of every wait


class Terminal:
    """A tmux server of its own, with one pane that runs a shell."""

    def __init__(self, directory, width, height, environment, **variables):
        self.socket = os.path.join(directory, "tmux-%dx%d" % (width, height))
        self.height = height
        env = {name: value for name, value in environment.items()
               if name not in ("TMUX", "NO_COLOR", "TERM", "LC_ALL", "LC_CTYPE")}
        env.update(LANG="C.UTF-8", TERM="xterm-256color", PS1="$ ")
        env.update(variables)
        self.env = env
        # Without -f the user's own settings would count.
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height),
                  "env", "PS1=$ ", "sh")
        self.wait(r"\$")

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-u", "-S", self.socket, *arguments], env=self.env,
                              stdout=subprocess.PIPE, check=True, timeout=SECONDS,
                              universal_newlines=True).stdout

    def run(self, *command):
        self.tmux("send-keys", "-l", "clear; %s; echo END=$?" % shlex.join(command))
        self.keys("Enter")

    def keys(self, *names):
        self.tmux("send-keys", *names)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def resize(self, width, height):
        self.height = height
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def screen(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def wait(self, pattern, absent=False):
        """The screen, once it shows (or no more shows) the pattern."""
        end = time.monotonic() + SECONDS
        while True:
            screen = self.screen()
            if bool(re.search(pattern, screen, re.MULTILINE)) != absent:
                return screen
            if time.monotonic() > end:
                raise AssertionError("never %s %r:\n%s" %
                                     ("lost" if absent else "shown", pattern, screen))
            time.sleep(0.05)

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], env=self.env,
                       stderr=subprocess.DEVNULL, check=False, timeout=SECONDS)
