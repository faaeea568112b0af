"""Process trees. This process adopts what its descendants leave behind, so that a daemon, or a
child that hangs after its parent ended, is still known to be of this run."""
import ctypes
import os
import shutil
import signal
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36
STACKS_TIMEOUT = 60
# How long processes may take to end after the program they belong to.
GRACE = 30.0


def adopt_orphans():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def stat(pid):
    """(parent, state), or None if there is no such process."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            words = file.read().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return int(words[1]), words[0].decode("ascii")


def children():
    """Parent -> its children, of all processes."""
    tree = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            found = stat(int(name))
            if found:
                tree.setdefault(found[0], []).append(int(name))
    return tree


def descendants():
    """Of this process: those that run. Orphans that have ended are reaped."""
    tree, found, queue = children(), [], [os.getpid()]
    while queue:
        for pid in tree.get(queue.pop(), []):
            queue.append(pid)
            status = stat(pid)
            if status is None:
                continue
            if status[1] == "Z":
                if status[0] == os.getpid():
                    reap(pid)
                continue
            found.append(pid)
    return found


def reap(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def command_line(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()[:120]
    except OSError:
        return ""


def wait_for_end():
    """Waits until nothing of this run is left. What is left after the grace, as (pid, command)."""
    deadline = time.monotonic() + GRACE
    while True:
        left = descendants()
        if not left or time.monotonic() > deadline:
            return [(pid, command_line(pid)) for pid in left]
        time.sleep(0.02)


def kill_all():
    """Ends all descendants, by pid, until there are none (they may fork meanwhile)."""
    for _ in range(100):
        left = descendants()
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)


def stacks(pids):
    """Where every thread of these is, as gdb says."""
    if not shutil.which("gdb"):
        return "stacks are not known: gdb is not installed\n"
    text = []
    for pid in pids:
        text.append("pid %d: %s\n" % (pid, command_line(pid)))
        try:
            text.append(subprocess.run(
                ["gdb", "-nx", "-batch", "-p", str(pid), "-ex", "thread apply all bt 40"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                timeout=STACKS_TIMEOUT).stdout.decode("utf-8", "replace"))
        except subprocess.TimeoutExpired:
            text.append("gdb did not answer\n")
    return "\n".join(text)
