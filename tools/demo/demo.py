#!/usr/bin/env python3
"""The founding case from end to end: records the demo server with libmla.so, kills it with SIGKILL,
reads the recording, and compares what the report says with what the server said it leaked.

Exit code 0: the first call site of the report has the bytes the server leaked, within 1 %.
"""
import argparse
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import load

HERE = os.path.dirname(os.path.abspath(__file__))
TOLERANCE = 0.01


class Failure(Exception):
    pass


def start_server(arguments, environment):
    """Starts the server; returns (process, port)."""
    server = subprocess.Popen([sys.executable, os.path.join(HERE, "run_server.py")] + arguments,
                              env=dict(os.environ, **environment), stdout=subprocess.PIPE,
                              universal_newlines=True)
    line = server.stdout.readline()
    if not line.startswith("listening on "):
        server.kill()
        raise Failure("the server did not start: %r, exit code %s" % (line, server.wait()))
    return server, int(line.rsplit(":", 1)[1])


def record_and_kill(options, directory):
    """Returns (what the server says of itself, the recording's path)."""
    environment = {"LD_PRELOAD": os.path.join(options.build, "preload", "libmla.so"),
                   "MLA_DIR": directory}
    if options.allocator:
        environment["MLA_ALLOCATOR"] = options.allocator
    print("$ %s python3 tools/demo/run_server.py %s" % (
        " ".join("%s=%s" % (k, os.path.relpath(v) if k == "LD_PRELOAD" else v)
                 for k, v in environment.items()),
        "--leak " + options.leak), flush=True)
    server, port = start_server(["--leak", options.leak], environment)
    try:
        clients = load.Load(port, options.requests, 40, 300, seed=1)
        clients.run()
        print(clients.summary(), flush=True)
        if clients.errors or clients.sent != options.requests:
            raise Failure("the load did not go through")
        stats = load.get(port, "/stats")
    finally:
        os.kill(server.pid, signal.SIGKILL)
        status = server.wait()
    if status != -signal.SIGKILL:
        raise Failure("the server ended before it was killed: status %d" % status)
    print("$ kill -9 %d" % server.pid)
    files = glob.glob(os.path.join(directory, "mla-*-%d-*.mla" % server.pid))
    if len(files) != 1:
        raise Failure("expected one recording of pid %d, found %s" % (server.pid, files))
    return stats, files[0]


def check(options, report, stats):
    process = report["process"]
    if report["status"] != "killed":
        raise Failure("the report says the server was %s, not killed" % report["status"])
    if options.allocator and process["allocator"]["name"] != options.allocator:
        raise Failure("asked for %s, the report says %s served" % (
            options.allocator, process["allocator"]["name"]))
    first = report["sites"][0]["live_bytes"]
    leaked = stats["leaked_bytes"]
    off = (first - leaked) / leaked
    line = "first site of the report: %d bytes; the server says it leaked %d bytes: %+.3f %%" % (
        first, leaked, off * 100)
    if abs(off) > TOLERANCE:
        raise Failure(line)
    print("OK: " + line)


def main():
    parser = argparse.ArgumentParser(description="record, load, kill and report the demo server")
    parser.add_argument("--build", default="build/release", help="build directory of mla")
    parser.add_argument("--allocator", help="passed to the server as MLA_ALLOCATOR")
    parser.add_argument("--leak", choices=["python", "native"], default="native")
    parser.add_argument("--requests", type=int, default=800)
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    mla = os.path.join(options.build, "tools", "mla")
    directory = tempfile.mkdtemp(prefix="mla-demo-")
    try:
        stats, recording = record_and_kill(options, directory)
        print("$ mla report --top 2 %s" % recording, flush=True)
        subprocess.run([mla, "report", "--top", "2", recording], check=True)
        report = subprocess.run([mla, "report", "--json", recording], check=True,
                                stdout=subprocess.PIPE).stdout
        check(options, json.loads(report.decode("utf-8")), stats)
    except (Failure, OSError, subprocess.CalledProcessError) as e:
        print("demo: FAILED: %s" % e, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
