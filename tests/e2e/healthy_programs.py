#!/usr/bin/env python3
"""Healthy real programs under load: none is called a leak. Each runs MLA_HEALTHY_SECONDS (40), and
what was said of it is printed: verdict, and the rate a leak would have been seen at."""
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest
import http.client

import harness
from real_test import free_port, needs

SECONDS = int(os.environ.get("MLA_HEALTHY_SECONDS", "40"))
POSTGRES = "/usr/lib/postgresql/15/bin"
# A process that allocates less often is a shell or a supervisor: it has nothing to judge.
LEAST_ALLOCATIONS = 1000


def loopback(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=harness.TIMEOUT)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def answers(port):
    try:
        loopback(port).close()
        return True
    except OSError:
        return False


class Healthy(harness.Case):
    programs = judged = 0

    @classmethod
    def tearDownClass(cls):
        # Of a program that nothing can be said of, nothing wrong can be said either.
        if cls.judged < cls.programs // 2:
            raise AssertionError("only %d of %d could be judged" % (cls.judged, cls.programs))

    def server(self, argv, port, environment=None, **options):
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        process = self.start(argv, environment or self.environment(), **options)
        harness.wait_for(lambda: answers(port) or process.poll() is not None,
                         argv[0] + " answers")
        self.assertIsNone(process.poll(), argv[0] + " did not start")
        return process

    def end(self, process, how=signal.SIGTERM):
        process.send_signal(how)
        process.wait(timeout=harness.TIMEOUT)

    def load(self, work, threads=4):
        """Calls work(i) over and over in each of so many threads; any error fails the test."""
        end = time.monotonic() + SECONDS
        errors = []

        def loop(number):
            try:
                i = number
                while time.monotonic() < end:
                    work(i)
                    i += threads
            except Exception as error:  # pylint: disable=broad-except
                errors.append(error)
        running = [threading.Thread(target=loop, args=(n,)) for n in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        self.assertEqual(errors, [])

    def load_http(self, port, paths):
        local = threading.local()

        def request(i):
            if i % 50 < 4 or not hasattr(local, "connection"):
                local.connection = http.client.HTTPConnection("127.0.0.1", port,
                                                              timeout=harness.TIMEOUT)
            local.connection.request("GET", paths[i % len(paths)])
            answer = local.connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise AssertionError("status %d" % answer.status)
            if answer.will_close:
                local.connection.close()
        self.load(request)

    def check(self, name):
        """No recording is called a leak."""
        judged = False
        for path in self.files():
            report = self.read(path)
            if report["totals"]["alloc_count"] < LEAST_ALLOCATIONS:
                continue
            done = self.run_program([harness.BIN, "leaks", "--json", path],
                                    harness.plain_environment())
            document = json.loads(done.stdout.decode())
            program = os.path.basename(document["exe"])
            detectable = document["detectable_bytes_per_hour"]
            if done.returncode == 0:
                judged = True
            if done.returncode != 3 or document["samples"] >= 100 or len(self.files()) < 4:
                print("| %s | %s %d | %.0f s | %s | %s | %s | %s |" % (
                    name, program, document["pid"], (document["hours"] or 0) * 3600,
                    document["verdict"],
                    "-" if detectable is None else "%.2f MiB/h" % (detectable / 1048576),
                    document["reason"],
                    ", ".join(s["verdict"] for s in document["sites"] if s["verdict"] == "leak")),
                    flush=True)
            if os.environ.get("MLA_KEEP"):
                shutil.copy(path, os.environ["MLA_KEEP"])
            with self.subTest(program=program, pid=document["pid"]):
                self.assertNotEqual(document["verdict"], "leak", document["reason"])
        Healthy.programs += 1
        Healthy.judged += judged

    @needs("redis-server", "redis-benchmark")
    def test_redis(self):
        port = str(free_port())
        server = self.server(["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
                              "--maxmemory", "20mb", "--maxmemory-policy", "allkeys-lru",
                              "--dir", self.directory], int(port))
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            done = self.bare(["redis-benchmark", "-p", port, "-n", "40000", "-c", "20", "-r",
                              "1000000", "-d", "500", "-q", "-t", "set,get,lpush,lpop"])
            self.assertEqual(done.returncode, 0, done.stderr)
        self.end(server)
        self.check("redis, full cache")

    @needs("nginx")
    def test_nginx(self):
        port = free_port()
        for name, size in (("a", 1000), ("b", 300000)):
            with open(self.path(name), "w") as file:
                file.write(name * size)
        with open(self.path("nginx.conf"), "w") as file:
            file.write("daemon off; worker_processes 2; pid %s/pid; error_log %s/error;\n"
                       "user root;\n"
                       "events { worker_connections 200; }\n"
                       "http { access_log off; gzip on; gzip_types text/plain; root %s;\n"
                       "default_type text/plain; server { listen 127.0.0.1:%d; } }\n"
                       % (self.directory, self.directory, self.directory, port))
        # nginx clears its environment, and thereby what workers would inherit; they are forked.
        server = self.server(["nginx", "-e", self.path("error"), "-c", self.path("nginx.conf")],
                             port)
        self.load_http(port, ["/a", "/b"])
        self.end(server)
        self.check("nginx")

    @unittest.skipUnless(os.path.exists(POSTGRES), "not run: not installed: postgresql-15")
    def test_postgres(self):
        user = {}
        if os.getuid() == 0:
            entry = pwd.getpwnam("postgres")
            user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
            os.chown(self.directory, entry.pw_uid, entry.pw_gid)
        data, port = self.path("data"), str(free_port())
        plain = dict(harness.plain_environment(), PGHOST="127.0.0.1", PGPORT=port)
        for name in ("PGDATA", "PGUSER"):
            plain.pop(name, None)

        def bare(*argv):
            done = self.run_program(list(argv), plain, **user)
            self.assertEqual(done.returncode, 0, done.stderr)
        bare(POSTGRES + "/initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync")
        server = self.server([POSTGRES + "/postgres", "-D", data, "-p", port, "-h", "127.0.0.1",
                              "-k", self.directory, "-c", "fsync=off"], int(port), **user)
        bare(POSTGRES + "/pgbench", "-U", "postgres", "-i", "-s", "2", "-q", "postgres")
        bare(POSTGRES + "/pgbench", "-U", "postgres", "-c", "3", "-T", str(SECONDS), "postgres")
        self.end(server, signal.SIGINT)
        self.check("postgres, pgbench")

    def test_python_http_server(self):
        with open(self.path("a.txt"), "w") as file:
            file.write("a" * 50000)
        port = free_port()
        server = self.server([harness.PYTHON, "-m", "http.server", str(port), "--bind",
                              "127.0.0.1", "--directory", self.directory], port)
        self.load_http(port, ["/a.txt", "/"])
        self.end(server)
        self.check("python http.server")

    def test_python_asyncio(self):
        code = ("import asyncio, json, sys\n"
                "async def serve(reader, writer):\n"
                "    while True:\n"
                "        line = await reader.readline()\n"
                "        if not line: break\n"
                "        asked = json.loads(line)\n"
                "        await asyncio.sleep(0)\n"
                "        rows = [{'n': i, 'text': 'x' * (i % 200)} for i in range(asked['n'])]\n"
                "        writer.write(json.dumps(rows).encode() + b'\\n')\n"
                "        await writer.drain()\n"
                "    writer.close()\n"
                "async def main():\n"
                "    server = await asyncio.start_server(serve, '127.0.0.1', int(sys.argv[1]))\n"
                "    await server.serve_forever()\n"
                "asyncio.run(main())\n")
        port = free_port()
        server = self.server([harness.PYTHON, "-c", code, str(port)], port)

        def talk(i):
            with loopback(port) as connection, connection.makefile("rwb") as stream:
                for n in range(20):
                    stream.write(json.dumps({"n": (i + n) % 300}).encode() + b"\n")
                    stream.flush()
                    stream.readline()
        self.load(talk)
        self.end(server)
        self.check("python asyncio")

    @needs("node")
    def test_node(self):
        code = ("const http = require('http'), zlib = require('zlib');"
                "http.createServer((q, a) => { const rows = [];"
                "for (let i = 0; i < 300; i++) rows.push({i, url: q.url, b: Buffer.alloc(50, i)});"
                "zlib.gzip(JSON.stringify(rows), (e, z) => a.end(z)); })"
                ".listen(+process.argv[1], '127.0.0.1');")
        port = free_port()
        server = self.server(["node", "-e", code, str(port)], port)
        self.load_http(port, ["/a", "/b?c=d"])
        self.end(server)
        self.check("node http")

    @needs("sqlite3")
    def test_sqlite3(self):
        shell = self.start(["sqlite3", self.path("db")], self.environment(),
                           stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        shell.stdin.write("pragma journal_mode=wal; pragma synchronous=off;"
                          "create table t(a integer primary key, b text, c real);"
                          "create index x on t(b);\n")
        end, i = time.monotonic() + SECONDS, 0
        while time.monotonic() < end:
            shell.stdin.write(
                "begin; with recursive n(i) as (select 1 union all select i + 1 from n limit 500) "
                "insert into t(b, c) select printf('%%x-%d', i * 7919 + %d), i / 3.0 from n; "
                "delete from t where a <= %d; commit; "
                "select count(*), max(b) from t where b like '%%f%%';\n" % (i, i, (i - 20) * 500))
            shell.stdin.flush()
            i += 1
        shell.stdin.close()
        self.assertEqual(shell.wait(timeout=harness.TIMEOUT), 0)
        self.check("sqlite3")

    @needs("g++", "make")
    def test_gpp(self):
        names = ["one", "two", "three"]
        for name in names:
            with open(self.path(name + ".cc"), "w") as file:
                file.write("#include <map>\n#include <regex>\n#include <string>\n#include <vector>"
                           "\nstd::map<std::string, std::vector<std::regex>> %s() {\n"
                           "  std::map<std::string, std::vector<std::regex>> m;\n"
                           "  m[\"a\"].emplace_back(\"a+b*\");\n  return m;\n}\n" % name)
        objects = " ".join(name + ".o" for name in names)
        with open(self.path("Makefile"), "w") as file:
            file.write("all: %s\n%%.o: %%.cc\n\tg++ -O2 -c $< -o $@\nclean:\n\trm -f %s\n"
                       % (objects, objects))
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            done = self.recorded(["make", "-s", "clean", "all"])
            self.assertEqual(done.returncode, 0, done.stderr)
        self.check("g++ under make")

    def script(self, name, *command, **variables):
        done = self.recorded(list(command) + [str(SECONDS)], variables=variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check(name)

    @needs("perl")
    def test_perl(self):
        self.script("perl", "perl", "-e",
                    "my $end = time + shift; my (%h, $n);"
                    "while (time < $end) { for (1..1000) { $h{++$n} = join ',', "
                    "map { $_ * ($n % 9000) } 1..20; delete $h{$n - 5000}; } "
                    "my @s = sort { $h{$a} cmp $h{$b} } keys %h; }")

    @needs("ruby")
    def test_ruby(self):
        self.script("ruby", "ruby", "-e",
                    "e = Process.clock_gettime(Process::CLOCK_MONOTONIC) + ARGV[0].to_i; h = {}; "
                    "n = 0; while Process.clock_gettime(Process::CLOCK_MONOTONIC) < e; "
                    "1000.times { n += 1; "
                    "h[n] = (1..20).map { |i| (i * (n % 9000)).to_s * 3 }.join(','); "
                    "h.delete(n - 5000) }; h.values.sort.first(10); end")

    @needs("php")  # whose own allocator takes 2 MiB at a time: left out, as for valgrind
    def test_php(self):
        self.script("php", "php", "-n", "-r",
                    "$e = time() + (int)$argv[1]; $h = []; $n = 0; while (time() < $e) { "
                    "for ($i = 0; $i < 1000; $i++) { "
                    "$h[++$n] = json_encode(range($n % 9000, $n % 9000 + 20)); "
                    "unset($h[$n - 5000]); } $s = $h; sort($s); }", "--", USE_ZEND_ALLOC="0")

    @needs("memcached")
    def test_memcached(self):
        port = free_port()
        server = self.server(["memcached", "-l", "127.0.0.1", "-p", str(port), "-m", "16", "-u",
                              "root", "-t", "2"], port)
        local = threading.local()

        def use(i):
            if i % 2000 < 4 or not hasattr(local, "stream"):
                local.stream = loopback(port).makefile("rwb")
            key = "key%d" % (i * 7919 % 100000)
            value = b"v" * (i * 31 % 3000)
            local.stream.write(b"set %s 0 0 %d\r\n%s\r\nget %s\r\n"
                               % (key.encode(), len(value), value, key.encode()))
            local.stream.flush()
            line = local.stream.readline()
            while line != b"END\r\n":
                line = local.stream.readline()
                if not line:
                    raise AssertionError("memcached closed the connection")
        self.load(use)
        self.end(server)
        self.check("memcached, full cache")

    @needs("git")
    def test_git(self):
        script = """
set -e
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export HOME=$PWD GIT_CONFIG_NOSYSTEM=1
git init -q -b main repository && cd repository
end=$((SECONDS + $0)); n=0
while [ $SECONDS -lt $end ]; do
  n=$((n + 1)); seq $n $((n + 50000)) >f$((n % 20)); git add .; git commit -qm $n
  if [ $((n % 20)) = 0 ]; then git gc -q --aggressive --prune=now; fi
done
"""
        done = self.recorded(["bash", "-c", script, str(SECONDS)])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check("git gc")


if __name__ == "__main__":
    harness.main()
