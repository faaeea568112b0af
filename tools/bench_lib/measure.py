"""One run of one program, measured from outside."""
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

# Of the caller's environment nothing else reaches a measured program.
KEPT_VARIABLES = ("PATH", "HOME", "USER", "TMPDIR")


class Stopped(Exception):
    """The run took longer than it may."""


class Failed(Exception):
    """The program did not do its work."""


class NotPossible(Exception):
    """This workload cannot be measured under this configuration."""


class Run:
    """What one run cost. Seconds and bytes."""

    def __init__(self, wall_s, cpu_s, peak_bytes, output_bytes, digest):
        self.wall_s = wall_s
        self.cpu_s = cpu_s
        self.peak_bytes = peak_bytes
        self.output_bytes = output_bytes
        self.digest = digest  # of what the program printed or made; None: not known


def clean_environment(variables):
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return dict(kept, LC_ALL="C", PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1", **variables)


def bytes_on_disk(directory):
    """Recordings are sparse files: what counts is what was written."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            status = os.lstat(os.path.join(folder, name))
            total += min(status.st_size, status.st_blocks * 512)
    return total


class Measured:
    """A program under bench_measure, in a directory of its own for what the configuration writes.

    A session of its own: an interrupt from the terminal is for the benchmark, which then ends it.
    """

    def __init__(self, build, argv, environment, configuration, stdout, is_server=False):
        if is_server and configuration.wrapper:
            raise NotPossible("not measured: a server cannot be stopped through its wrapper")
        self.directory = tempfile.mkdtemp(prefix="mla-bench-")
        self.output = os.path.join(self.directory, "output")
        os.mkdir(self.output)
        self.result = os.path.join(self.directory, "result")
        self.errors = open(os.path.join(self.directory, "errors"), "w+b")
        variables = clean_environment(environment)
        variables.update(configuration.environment(self.output))
        self.process = subprocess.Popen(
            [os.path.join(build, "tools", "bench_lib", "programs", "bench_measure"), self.result] +
            configuration.command(self.output) + argv, env=variables, stdin=subprocess.DEVNULL,
            stdout=stdout, stderr=self.errors, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end(signal.SIGKILL)
        self.process.wait()
        self.errors.close()
        if self.process.stdout:
            self.process.stdout.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def lines(self):
        try:
            with open(self.result, encoding="ascii") as file:
                return file.read().split("\n")
        except OSError:
            return [""]

    def end(self, number):
        """Sends the program a signal, if it runs."""
        while self.process.poll() is None:
            lines = self.lines()
            if lines[0]:
                if len(lines) < 3:  # not ended yet
                    os.kill(int(lines[0]), number)
                return
            time.sleep(0.001)

    def wait(self, seconds):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Stopped()

    def complaint(self):
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace").strip()[-300:]

    def finish(self, digest, wall_s=None, endings=(0,)):
        """The run, once the program has ended. `endings`: wait statuses that are no failure."""
        status, wall_ns, cpu_ns, peak = (int(word) for word in self.lines()[1].split())
        if status not in endings:
            raise Failed("wait status %d: %s" % (status, self.complaint()))
        return Run(wall_ns / 1e9 if wall_s is None else wall_s, cpu_ns / 1e9, peak,
                   bytes_on_disk(self.output), digest)


def run_command(build, argv, environment, configuration, timeout, made=None):
    """Runs a program to its end. The digest is of what it prints and of the file `made`."""
    with tempfile.TemporaryFile() as printed:
        with Measured(build, argv, environment, configuration, printed) as program:
            program.wait(timeout)
            printed.seek(0)
            digest = hashlib.sha256(b"" if configuration.wrapper else printed.read())
            if made and os.path.exists(made):
                with open(made, "rb") as file:
                    digest.update(file.read())
                os.unlink(made)
            return program.finish(None if configuration.wrapper and not made
                                  else digest.hexdigest())


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_listening(program, port, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if program.process.poll() is not None:
            raise Failed("the server ended at once: " + program.complaint())
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise Failed("the server does not listen on port %d" % port)
