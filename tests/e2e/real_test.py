#!/usr/bin/env python3
"""Real programs do under mla what they do without it, and their recordings are plausible."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import unittest
import urllib.request

import harness


def needs(*commands):
    missing = [command for command in commands if shutil.which(command) is None]
    return unittest.skipIf(missing, "not run: not installed: " + ", ".join(missing))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Real(harness.Case):
    # Which allocators a program is run under; the class below runs the others.
    ALLOCATORS = ["ptmalloc2"]

    def under_each(self, run):
        """Calls run(allocator) for each, with a directory of its own."""
        installed = harness.installed_allocators()
        for allocator in self.ALLOCATORS:
            with self.subTest(allocator=allocator):
                if allocator not in installed:
                    self.skipTest("not run under %s: not installed" % allocator)
                self.recordings = self.path("recordings-" + allocator)
                run(allocator)

    def check(self, allocator, least_allocations, least_files=1):
        reports = self.reports()
        self.assertGreaterEqual(len(reports), least_files)
        for report in reports:
            self.assertEqual(report["process"]["allocator"]["name"], allocator)
            self.assertIsNone(report["stopped"])
            # A recording that ended before its process did anything has nothing to be judged by.
            if report["totals"]["alloc_count"] >= 1000:
                harness.check_plausible(self, report)
        largest = max(reports, key=lambda r: r["totals"]["alloc_count"])
        self.assertGreater(largest["totals"]["alloc_count"], least_allocations)
        checked = sum(r["unwind_check"]["checked"] for r in reports if r["unwind_check"])
        self.assertGreater(checked, 0)
        return largest

    def same(self, command, least_allocations, stderr=True, least_files=1, **options):
        def run(allocator):
            self.same_with_and_without(command, allocator, stderr=stderr, **options)
            self.check(allocator, least_allocations, least_files)
        self.under_each(run)

    @needs("sqlite3")
    def test_sqlite3(self):
        sql = ("create table t(a integer primary key, b text);"
               "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) "
               "insert into t select i, printf('%x-%d', i * 7919, i) from n;"
               "create index x on t(b);"
               "select count(*), max(b), min(b) from t where b like '%f%';"
               "select substr(b, 1, 2) k, count(*) from t group by k order by 2 desc, 1 limit 5;")
        self.same(["sqlite3", ":memory:", sql], 20000)

    @needs("node")
    def test_node(self):
        code = ("const m = new Map(); for (let i = 0; i < 50000; i++) m.set('k' + i, [i]);"
                "const b = []; for (let i = 0; i < 200; i++) b.push(Buffer.alloc(20000, i));"
                "const z = require('zlib').deflateSync(Buffer.concat(b));"
                "console.log(m.size, require('crypto').createHash('sha256').update("
                "require('zlib').inflateSync(z)).digest('hex'));")
        self.same(["node", "-e", code], 5000)

    @needs("perl")
    def test_perl(self):
        self.same(["perl", "-e", "my %h; $h{$_ % 997} .= chr(65 + $_ % 26) for 1..100000;"
                   "print join(',', map { length $h{$_} } sort { $a <=> $b } keys %h), \"\\n\";"
                   "exit 3"], 2000)

    @needs("bash")
    def test_bash(self):
        script = ("a=(); for ((i = 0; i < 3000; i++)); do a+=(\"item $i\"); done;"
                  "declare -A m; for x in \"${a[@]}\"; do m[$x]=${#x}; done;"
                  "echo ${#m[@]} $(echo nested $(uname) | tr a-z A-Z) | sed s/N/n/; exit 4")
        self.same(["bash", "-c", script], 10000)

    @needs("gdb")
    def test_gdb(self):
        self.same(["gdb", "-batch", "-nx", "-ex", "info line main", "-ex", "ptype struct Journal",
                   "-ex", "info functions allocate_at", harness.program("kill_journal")], 10000,
                  stderr=False)

    @needs("git")
    def test_git(self):
        script = """
set -e
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
export HOME=$PWD GIT_CONFIG_NOSYSTEM=1
rm -rf repository && git init -q -b main repository && cd repository
for i in $(seq 60); do mkdir -p d$((i % 7)); seq $i $((i + 400)) >d$((i % 7))/f$i; done
git add . && git commit -qm one
for i in $(seq 60); do echo $i >>d$((i % 7))/f$i; done
git commit -qam two && git gc -q && git fsck --strict
git log --stat | sha256sum
git rev-list --objects --all | sha256sum
git diff HEAD~ | sha256sum
"""
        self.same(["bash", "-c", script], 1000)

    @needs("g++")
    def test_gpp(self):
        source = self.path("templates.cc")
        with open(source, "w") as file:
            file.write("#include <map>\n#include <string>\n#include <tuple>\n#include <vector>\n"
                       "template <int N> struct F {\n"
                       "  static constexpr long v = F<N - 1>::v + F<N - 2>::v;\n"
                       "  std::map<std::tuple<char[N], int>, std::vector<std::string>> m;\n"
                       "  long f(long x) { return F<N - 1>().f(x) + static_cast<long>(m.size()); }"
                       "\n};\n"
                       "template <> struct F<0> { static constexpr long v = 0; "
                       "long f(long x) { return x; } };\n"
                       "template <> struct F<1> { static constexpr long v = 1; "
                       "long f(long x) { return x; } };\n"
                       "int main() { F<%d> f; return static_cast<int>(f.f(1)); }\n"
                       % (40 if self.ALLOCATORS == ["ptmalloc2"] else 15))
        command = ["g++", "-O1", "-c", source, "-o", self.path("templates.o"), "-frandom-seed=1",
                   "-Wall"]

        def run(allocator):
            outputs = []
            for environment in (harness.plain_environment(), self.environment(allocator)):
                result = self.run_program(command, environment)
                self.assertEqual(result.returncode, 0, result.stderr)
                with open(self.path("templates.o"), "rb") as file:
                    outputs.append((result.stdout, result.stderr, file.read()))
            self.assertEqual(outputs[0], outputs[1])
            self.check(allocator, 50000)
            report = self.report_of_program("cc1plus")
            self.assertGreater(report["totals"]["peak_live_bytes"], 4 << 20)
        self.under_each(run)

    @needs("g++")
    def test_gpp_that_fails(self):
        source = self.path("wrong.cc")
        with open(source, "w") as file:
            file.write("int f() { return undeclared; }\n")
        self.same_with_and_without(["g++", "-c", source, "-o", self.path("wrong.o")])

    @needs("redis-server", "redis-benchmark", "redis-cli")
    def test_redis(self):
        def run(allocator):
            answers = []
            for environment in (harness.plain_environment(), self.environment(allocator)):
                answers.append(self.use_redis(environment))
            self.assertEqual(answers[0], answers[1])
            report = self.check(allocator, 1000)
            self.assertIn("redis", os.path.basename(report["process"]["exe"]))
        self.under_each(run)

    def use_redis(self, environment):
        port = str(free_port())
        server = self.start(["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
                             "--dir", self.directory, "--daemonize", "no"], environment,
                            stdout=subprocess.DEVNULL)
        client = harness.plain_environment()

        def ask(*words):
            return self.run_program(["redis-cli", "-p", port] + list(words), client).stdout
        harness.wait_for(lambda: ask("ping") == b"PONG\n" or server.poll() is not None,
                         "redis-server answers")
        self.assertIsNone(server.poll())
        load = self.run_program(
            ["redis-benchmark", "-p", port, "-n", "4000", "-c", "20", "-r", "1000", "-d", "300",
             "-q", "-t", "set,get,lpush,hset"], client)
        self.assertEqual(load.returncode, 0, load.stderr)
        ask("flushall")
        for i in range(5):
            ask("set", "key%d" % i, "v" * i)
        result = ask("mget", *["key%d" % i for i in range(6)]), ask("dbsize")
        server.send_signal(signal.SIGTERM)
        return result + (server.wait(timeout=harness.TIMEOUT),)

    def test_python_http_server(self):
        for name in ("a", "b"):
            with open(self.path(name + ".txt"), "w") as file:
                file.write(name * 100000)

        def run(allocator):
            answers = []
            for environment in (harness.plain_environment(), self.environment(allocator)):
                answers.append(self.use_http_server(environment))
            self.assertEqual(answers[0], answers[1])
            report = self.check(allocator, 1000)
            self.assertIsNotNone(report["process"]["python"])
            self.assertEqual(report["status"], "killed")
        self.under_each(run)

    def use_http_server(self, environment):
        server = self.start([harness.PYTHON, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
                            dict(environment, PYTHONUNBUFFERED="1"), stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL)
        port = int(re.search(rb"port (\d+)", server.stdout.readline()).group(1))
        answers = []
        for i in range(40):
            name = "ab"[i % 2] + ".txt"
            with urllib.request.urlopen("http://127.0.0.1:%d/%s" % (port, name)) as answer:
                answers.append((answer.status, len(answer.read())))
        server.terminate()
        return answers, server.wait(timeout=harness.TIMEOUT)

    def test_python_program(self):
        code = ("import decimal, hashlib, json, re, sys, threading, xml.dom.minidom\n"
                "out = []\n"
                "def work(n):\n"
                "    d = json.loads(json.dumps({str(i): [i] * 20 for i in range(2000)}))\n"
                "    x = xml.dom.minidom.parseString('<a>' + '<b c=\"d\">e</b>' * 300 + '</a>')\n"
                "    out.append((len(d), len(x.toxml()), str(decimal.Decimal(2).sqrt())))\n"
                "threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]\n"
                "[t.start() for t in threads]; [t.join() for t in threads]\n"
                "print(sorted(out), len(re.findall('a+', 'aab' * 1000)))\n"
                "sys.exit(6)\n")
        self.same([harness.PYTHON, "-c", code], 2000)

    def test_another_output_would_be_seen(self):
        script = "import os; print('preloaded' if 'LD_PRELOAD' in os.environ else 'bare')"
        with self.assertRaises(AssertionError):
            self.same_with_and_without([harness.PYTHON, "-c", script])


class OnOtherAllocators(Real):
    ALLOCATORS = ["jemalloc", "tcmalloc", "mimalloc"]


if __name__ == "__main__":
    # "usual": as most people run it. "others": the same programs under every other allocator.
    which = sys.argv.pop(1)
    unittest.main(verbosity=2, defaultTest="Real" if which == "usual" else "OnOtherAllocators")
