"""One run of one program: where it runs, under what, until when, and what came of it."""
import os
import pwd
import shutil
import subprocess
import time

from zoo_lib import processes

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Hang(Exception):
    """It did not end in time. stacks: of all its processes, taken before they were ended."""

    def __init__(self, what, stacks):
        super().__init__(what)
        self.stacks = stacks


class Failed(Exception):
    """The program did not do its work, with mla or without."""


class Host:
    """Runs the processes of one run of one program.

    - directory: empty at the start, of the same name in every run. shared: made once by
      Program.prepare, only to be read.
    - notes: (label, bytes), what must be the same in every run.
    - Everything is started in a session of its own, as `user` if that is given.
    """

    def __init__(self, directory, shared, variables, timeout, user=None):
        self.directory = directory
        self.shared = shared
        self.notes = []
        self.timeout = timeout
        self.deadline = time.monotonic() + timeout
        self.account = pwd.getpwnam(user) if user and os.getuid() == 0 else None
        self.environment = {
            "PATH": PATH, "HOME": directory, "TMPDIR": directory, "LC_ALL": "C.UTF-8",
            "TZ": "UTC", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1",
            "PERL_HASH_SEED": "0", "SOURCE_DATE_EPOCH": "1700000000"}
        self.environment.update(variables)
        self.started = []
        self.outputs = self.commands = 0
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        self.own(directory)

    def own(self, path):
        """Gives a path to the account that the program runs as."""
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def write(self, name, content):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(content)
        self.own(self.path(name))
        return self.path(name)

    def read(self, *names):
        with open(self.path(*names), "rb") as file:
            return file.read()

    def note(self, label, content):
        self.notes.append((label, content))

    def note_file(self, *names):
        path = self.path(*names)
        self.note(os.path.join(*names), self.read(*names) if os.path.exists(path) else b"absent")

    def become(self):
        os.setgroups([])
        os.setgid(self.account.pw_gid)
        os.setuid(self.account.pw_uid)

    def start(self, argv, variables=None, cwd=None):
        """A process whose output goes to files: process.out and process.err are their paths."""
        self.outputs += 1
        paths = [os.path.join(os.path.dirname(self.directory), "%s-%d" % (name, self.outputs))
                 for name in ("out", "err")]
        with open(paths[0], "wb") as out, open(paths[1], "wb") as err:
            process = subprocess.Popen(
                argv, env=dict(self.environment, **(variables or {})), stdin=subprocess.DEVNULL,
                stdout=out, stderr=err, cwd=cwd or self.directory, start_new_session=True,
                preexec_fn=self.become if self.account else None)
        process.out, process.err = paths
        self.started.append(process)
        return process

    def wait(self, process):
        """Its exit code; Hang if it does not end in time."""
        try:
            return process.wait(max(0.1, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.hang("%s did not end in %d s" % (os.path.basename(process.args[0]),
                                                  self.timeout))
        return None

    def hang(self, what):
        raise Hang(what, processes.stacks(processes.descendants()))

    def output(self, process):
        texts = []
        for path in (process.out, process.err):
            with open(path, "rb") as file:
                texts.append(file.read())
        return texts

    def run(self, argv, keep="all", variables=None, cwd=None, code=None):
        """Runs a command to its end, and notes `keep` of it: all, out (not standard error), code.
        code: anything else is a failure, with mla or without. Returns standard output."""
        process = self.start(argv, variables, cwd)
        result = self.wait(process)
        out, err = self.output(process)
        self.commands += 1
        name = "%s (command %d)" % (os.path.basename(argv[0]), self.commands)
        if code is not None and result != code:
            raise Failed("%s: exit code %s: %s" % (name, result, last_line(err or out)))
        self.note(name + ": exit code", str(result).encode("ascii"))
        if keep in ("all", "out"):
            self.note(name + ": standard output", out)
        if keep == "all":
            self.note(name + ": standard error", err)
        return out

    def wait_until(self, condition, what, server=None):
        while not condition():
            if server is not None and server.poll() is not None:
                raise Failed("%s ended at once: %s" % (
                    os.path.basename(server.args[0]), last_line(self.output(server)[1])))
            if time.monotonic() > self.deadline:
                self.hang("%s: not in %d s" % (what, self.timeout))
            time.sleep(0.02)

    def stop(self, process, number):
        """Sends a signal, and notes how the process ended."""
        process.send_signal(number)
        code = self.wait(process)
        self.note("%s: exit code" % os.path.basename(process.args[0]), str(code).encode("ascii"))

    def close(self):
        """What is still running when the program has ended, and ends it."""
        left = processes.wait_for_end()
        stacks = processes.stacks([pid for pid, _ in left]) if left else ""
        self.end()
        return left, stacks

    def end(self):
        processes.kill_all()
        for process in self.started:
            process.wait()


def last_line(text):
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else "it printed nothing"
