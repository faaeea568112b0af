"""The programs that are measured: fixed work on inputs that are always the same."""
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time

from bench_lib import inputs, measure

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, "programs")
DEMO = os.path.join(os.path.dirname(HERE), "demo")
sys.path.insert(0, DEMO)

import load  # noqa: E402  (the demo's load generator, found through the line above)


class Workload:
    """name, title, and run(configuration, timeout) -> measure.Run.

    limits: configuration -> what its ratio of CPU time (is_server: of throughput) may be at most
    (at least). missing: why it cannot be run here.
    """
    is_server = False

    def __init__(self, name, title, limits=None):
        self.name = name
        self.title = title
        self.limits = limits or {}
        self.missing = None


class Command(Workload):
    def __init__(self, name, title, build, argv, environment=None, made=None, limits=None):
        super().__init__(name, title, limits)
        self.build = build
        self.argv = argv
        self.environment = environment or {}
        self.made = made
        if not shutil.which(argv[0]):
            self.missing = "%s is not there" % argv[0]

    def run(self, configuration, timeout):
        return measure.run_command(self.build, self.argv, self.environment, configuration, timeout,
                                   self.made)


class Redis(Workload):
    """redis-server under redis-benchmark: the time for a fixed number of requests."""
    is_server = True
    CLIENTS = 50

    def __init__(self, build, directory, requests, limits):
        super().__init__("redis", "redis-server under redis-benchmark", limits)
        self.build = build
        self.directory = directory
        self.requests = requests
        if not shutil.which("redis-server") or not shutil.which("redis-benchmark"):
            self.missing = "not installed (Debian packages redis-server, redis-tools)"

    def run(self, configuration, timeout):
        port = measure.free_port()
        server = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                  "--appendonly", "no", "--dir", self.directory, "--loglevel", "warning"]
        with measure.Measured(self.build, server, {}, configuration, subprocess.DEVNULL,
                              is_server=True) as program:
            measure.wait_until_listening(program, port)
            start = time.monotonic()
            try:
                clients = subprocess.run(
                    ["redis-benchmark", "-p", str(port), "-q", "-c", str(self.CLIENTS), "-n",
                     str(self.requests), "-r", "10000", "-d", "100", "-t", "set,get,lpush,hset"],
                    env=measure.clean_environment({}), stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, timeout=timeout)
            except subprocess.TimeoutExpired:
                raise measure.Stopped()
            elapsed = time.monotonic() - start
            if clients.returncode != 0 or b"rror" in clients.stdout:
                raise measure.Failed(clients.stdout.decode("utf-8", "replace")[-200:])
            length = subprocess.run(["redis-cli", "-p", str(port), "llen", "mylist"], check=True,
                                    stdout=subprocess.PIPE).stdout
            program.end(signal.SIGTERM)
            program.wait(timeout)
            return program.finish(length.decode("ascii").strip(), elapsed)


def python():
    """Debian's, where there is one: the python3 found first may be a shell script."""
    return shutil.which("python3", path="/usr/bin") or sys.executable


class DemoServer(Workload):
    """tools/demo/run_server.py: the time in which it answers a fixed number of reports."""
    is_server = True
    CONNECTIONS = 40

    def __init__(self, build, requests, limits):
        super().__init__("server", "demo server (CPython, 25 threads) under load", limits)
        self.build = build
        self.requests = requests

    def run(self, configuration, timeout):
        argv = [python(), os.path.join(DEMO, "run_server.py"), "--clean"]
        with measure.Measured(self.build, argv, {}, configuration, subprocess.PIPE,
                              is_server=True) as program:
            line = program.process.stdout.readline()
            if not line.startswith(b"listening on "):
                raise measure.Failed("the server did not start: " + program.complaint())
            port = int(line.rsplit(b":", 1)[1])
            clients = load.Load(port, self.requests, self.CONNECTIONS, timeout, inputs.SEED)
            clients.run()
            if clients.errors:
                raise measure.Failed(clients.first_error)
            if clients.sent != self.requests:
                raise measure.Stopped()
            program.end(signal.SIGTERM)
            program.wait(timeout)
            digest = hashlib.sha256(b"%d %d" % (clients.sent, clients.bytes)).hexdigest()
            return program.finish(digest, clients.elapsed)


def compiler_workload(build, directory, functions, limits):
    """The compiler proper, on a file that is already preprocessed."""
    title = "cc1plus, a template-heavy file"
    if not shutil.which("g++"):
        workload = Workload("cc1plus", title)
        workload.missing = "not installed (Debian package g++)"
        return workload
    source = os.path.join(directory, "templates.cc")
    with open(source, "w", encoding="ascii") as file:
        file.write(inputs.template_heavy_source(functions))
    subprocess.run(["g++", "-std=c++17", "-E", source, "-o", source + ".ii"], check=True)
    compiler = subprocess.run(["g++", "-print-prog-name=cc1plus"], check=True,
                              stdout=subprocess.PIPE, universal_newlines=True).stdout.strip()
    assembly = os.path.join(directory, "templates.s")
    return Command("cc1plus", title, build,
                   [compiler, "-quiet", "-fpreprocessed", "-std=c++17", "-O1", source + ".ii", "-o",
                    assembly], made=assembly, limits=limits)


def sql_workload(build, directory, rows):
    script = os.path.join(directory, "script.sql")
    with open(script, "w", encoding="ascii") as file:
        file.write(inputs.sql_script(rows))
    workload = Command("sqlite3", "sqlite3, a script of %d rows" % rows, build,
                       ["sqlite3", ":memory:", ".read " + script])
    if workload.missing:
        workload.missing = "not installed (Debian package sqlite3)"
    return workload


def all_workloads(build, directory, scale):
    """`scale`: 1 for a second or two of work each without a profiler."""
    def times(work, least=1):
        return max(least, int(work * scale))

    def own(name):
        return os.path.join(build, "tools", "bench_lib", "programs", "bench_" + name)

    # The limits of the design: what exact and sampled recording may cost.
    def limits(exact, sampled):
        return {"mla-exact": exact, "mla-sampled": sampled}

    json_work = [python(), os.path.join(PROGRAMS, "json_work.py"), str(times(2500))]
    return [
        Command("malloc1", "malloc loop, 1 thread", build,
                [own("malloc_loop"), "1", str(times(20000000))], limits=limits(2.5, 1.05)),
        Command("malloc2", "malloc loop, 2 threads", build,
                [own("malloc_loop"), "2", str(times(10000000))], limits=limits(2.5, 1.05)),
        Command("factorise", "factorising with big integers", build,
                [own("factorise"), str(times(30))], limits=limits(1.8, 1.03)),
        Command("json-malloc", "CPython json, PYTHONMALLOC=malloc", build, json_work,
                {"PYTHONMALLOC": "malloc"}, limits=limits(1.9, 1.05)),
        Command("json", "CPython json, pymalloc", build, json_work, limits=limits(1.7, 1.05)),
        Command("json-objects", "the same, with MLA_PYTHON=objects", build, json_work,
                {"MLA_PYTHON": "objects"}, limits=limits(1.7, 1.05)),
        compiler_workload(build, directory, times(7), limits(1.25, 1.02)),
        sql_workload(build, directory, times(150000)),
        Command("churn", "64 threads that free each other's blocks", build,
                [own("churn"), "64", str(times(200000))]),
        Redis(build, directory, times(60000), limits(0.93, 0.99)),
        DemoServer(build, times(600), limits(0.93, 0.99)),
    ]
