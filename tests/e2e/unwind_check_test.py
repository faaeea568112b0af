#!/usr/bin/env python3
"""Every stack of real programs and of difficult frames is the one libunwind finds.

Argument: short, or whole: then more work, and at least 200,000 stacks are compared. Prints a table:
stacks compared, those that differ, stacks with frames that no unwind information covers and that
were followed by the frame pointer (heuristic).
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import unittest

import harness

LEAST_CHECKED = {"short": 20000, "whole": 200000}
WHOLE = False

PYTHON_WORK = r"""
import ctypes, decimal, json, re, sqlite3, sys, threading, xml.dom.minidom
scale = int(sys.argv[1])
COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
def work(n):
    json.loads(json.dumps({str(i): [i] * 20 for i in range(60 * scale)}))
    xml.dom.minidom.parseString('<a>' + '<b c="d">e</b>' * 10 * scale + '</a>').toxml()
    re.findall(r'(a+)(b|c)*?d', 'aabcd' * 30 * scale)
    db = sqlite3.connect(':memory:')
    db.create_function('f', 1, lambda x: str(x) * 3)
    db.execute('create table t(a, b)')
    db.executemany('insert into t values(?, ?)', ((i, str(i)) for i in range(50 * scale)))
    db.execute('select f(a), b from t order by b').fetchall()
    numbers = (ctypes.c_int * 50)(*range(50, 0, -1))
    ctypes.CDLL(None).qsort(numbers, 50, 4, COMPARE(lambda x, y: x[0] - y[0]))
    try:
        decimal.Decimal('x')
    except decimal.InvalidOperation:
        pass
threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
"""

PERL_WORK = r"""
my $n = shift; my %h; $h{$_ % 997} .= chr(65 + $_ % 26) for 1 .. 10 * $n;
my @sorted = sort { $a <=> $b } keys %h;
for (1 .. $n) { my $x = join ",", map { $_ * 2 } 1 .. 20; $x =~ s/(\d+),/<$1>/g; }
eval { die { a => $_ } } for 1 .. $n;
"""

NODE_WORK = r"""
const n = Number(process.argv[1]), zlib = require('zlib'), m = new Map();
for (let i = 0; i < 1000 * n; i++) m.set('k' + i, [i]);
for (let i = 0; i < n; i++) zlib.inflateSync(zlib.deflateSync(Buffer.alloc(20000, i)));
JSON.parse(JSON.stringify([...m.keys()]));
"""

GIT_WORK = """
set -e
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export HOME=$PWD GIT_CONFIG_NOSYSTEM=1
git init -q -b main repository && cd repository
for i in $(seq $1); do mkdir -p d$((i % 7)); seq $i $((i + 400)) >d$((i % 7))/f$i; done
git add . && git commit -qm one
for i in $(seq $1); do echo $i >>d$((i % 7))/f$i; done
git commit -qam two && git gc -q && git fsck --strict
git log --stat -p && git rev-list --objects --all && git blame d1/f1
"""

TEMPLATES = """
template <class A, class B> struct Pair { A a; B b; };
template <int N> struct F {
  static constexpr long v = F<N - 1>::v + F<N - 2>::v;
  Pair<char[N], Pair<F<N - 1>, F<N - 2>>> m;
  long f(long x) { return m.b.a.f(x) + (long)sizeof m; }
};
template <> struct F<0> { static constexpr long v = 0; long f(long x) { return x; } };
template <> struct F<1> { static constexpr long v = 1; long f(long x) { return x; } };
int main() { F<%d> f; return (int)f.f(1); }
"""


class Row:
    def __init__(self, name):
        self.name = name
        self.checked = self.differing = self.heuristic = 0
        self.first = ""

    def add(self, report):
        check = report["unwind_check"]
        if check is not None:
            self.checked += check["checked"]
            self.differing += check["differed"]
            if check["differed"]:
                self.first = "%s: %s" % (report["process"]["exe"], check)
        self.heuristic += report["losses"].get("stack_heuristic", 0)


class UnwindCheck(harness.Case):
    def programs(self):
        """(name, commands it needs, run). Some allocate so often that the short form compares one
        stack in 31."""
        def command(*argv, **variables):
            return lambda: self.command(argv, variables)

        n = 10 if WHOLE else 1
        rarely = "1" if WHOLE else "31"
        return [
            ("python3, PYTHONMALLOC=malloc", ["python3"], command(
                harness.PYTHON, "-c", PYTHON_WORK, str(2 * n), PYTHONMALLOC="malloc",
                MLA_UNWIND_CHECK="1" if WHOLE else "5")),
            ("python3, its own allocator", ["python3"], command(
                harness.PYTHON, "-c", PYTHON_WORK, str(2 * n))),
            ("python3 -m test", ["python3"], self.python_tests),
            ("cc1plus", ["g++"], self.compiler),
            ("gdb", ["gdb"], command("gdb", "-batch", "-nx", "-ex", "info line main", "-ex",
                                     "ptype struct Journal", "-ex", "info functions allocate_at",
                                     harness.program("kill_journal"), MLA_UNWIND_CHECK=rarely)),
            ("perl", ["perl"], command("perl", "-e", PERL_WORK, str(100 * n))),
            ("git", ["git", "bash"], command("bash", "-c", GIT_WORK, "git", str(6 * n))),
            ("redis-server", ["redis-server", "redis-benchmark"], self.redis),
            ("node", ["node"], command("node", "-e", NODE_WORK, str(2 * n),
                                       MLA_UNWIND_CHECK=rarely)),
            ("special frames", [], command(os.environ["MLA_SPECIAL_FRAMES"], "8", "exit")),
        ]

    def command(self, argv, variables):
        result = self.run_program(list(argv), self.checking(**variables))
        self.assertEqual(result.returncode, 0, "%s: %r" % (argv[0], result.stderr[-2000:]))

    def checking(self, **variables):
        return self.environment(**dict({"MLA_UNWIND_CHECK": "1"}, **variables))

    def python_tests(self):
        """Parts of CPython's own tests. Returns why they are not run."""
        names = ["test.test_bisect"]
        if WHOLE:
            names += ["test.test_json.test_decode", "test.test_generators"]
        if subprocess.run([harness.PYTHON, "-c", "import " + ", ".join(names)],
                          stderr=subprocess.DEVNULL, env=harness.plain_environment()).returncode:
            return "not installed (Debian package libpython3.11-testsuite)"
        self.command([harness.PYTHON, "-m", "unittest", "-q"] + names,
                     {"PYTHONMALLOC": "malloc", "MLA_UNWIND_CHECK": "1" if WHOLE else "31"})
        return None

    def compiler(self):
        source = self.path("templates.cc")
        with open(source, "w") as file:
            file.write("#include <map>\n#include <string>\n" * WHOLE + TEMPLATES % 12)
        self.command(["g++", "-O1", "-S", source, "-o", self.path("templates.s")], {})

    def redis(self):
        directory = self.path("redis")
        os.makedirs(directory, exist_ok=True)
        socket = os.path.join(directory, "socket")
        server = self.start(
            ["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir",
             directory], self.checking(MLA_UNWIND_CHECK="1" if WHOLE else "31"),
            stdout=subprocess.DEVNULL)
        harness.wait_for(lambda: os.path.exists(socket) or server.poll() is not None,
                         "redis-server listens")
        load = self.run_program(
            ["redis-benchmark", "-s", socket, "-n", "4000" if WHOLE else "300", "-c", "10", "-r",
             "1000", "-d", "300", "-q", "-t", "set,get,lpush,hset"], harness.plain_environment())
        self.assertEqual(load.returncode, 0, load.stderr)
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(timeout=harness.TIMEOUT), 0)

    def measure(self, name, run):
        """A row, or why there is none."""
        self.recordings = self.path("recordings-" + name.split()[0].strip(",") +
                                    str(len(os.listdir(self.directory))))
        reason = run()
        if reason:
            return reason
        row = Row(name)
        for path in self.files():
            row.add(json.loads(subprocess.run([harness.BIN, "report", "--json", path], check=True,
                                              stdout=subprocess.PIPE).stdout))
        return row

    def test_frames_without_unwind_information(self):
        """They are followed by the frame pointer, and what called them is right again. libunwind
        itself gives up after 16 KiB of them: no difference."""
        self.command([harness.program("jit_frames")], {})
        [report] = self.reports()
        [site] = [s for s in report["sites"] if s["live_count"] == 50]
        names = [frame["function"] for frame in site["stack"]]
        self.assertEqual(names[:1] + names[41:43], ["jit_leaf", "jit_caller", "main"])
        self.assertEqual(names[1:41], [None] * 40)
        self.assertGreaterEqual(report["unwind_check"]["checked"], 50)

    def test_all(self):
        rows = []
        print("%-30s %10s %10s %10s" % ("program", "checked", "differing", "heuristic"))
        for name, commands, run in self.programs():
            missing = [c for c in commands if shutil.which(c) is None]
            row = "not installed: " + ", ".join(missing) if missing else self.measure(name, run)
            if isinstance(row, str):
                print("%-30s not run: %s" % (name, row))
                continue
            print("%-30s %10d %10d %10d %s" % (name, row.checked, row.differing, row.heuristic,
                                               row.first), flush=True)
            rows.append(row)
        print("%-30s %10d %10d %10d" % (("in all",) + tuple(
            sum(getattr(row, field) for row in rows)
            for field in ("checked", "differing", "heuristic"))))
        for row in rows:
            self.assertGreater(row.checked, 0, row.name)
            self.assertEqual(row.differing, 0, row.name)
        self.assertGreaterEqual(sum(row.checked for row in rows),
                                LEAST_CHECKED["whole" if WHOLE else "short"])


if __name__ == "__main__":
    WHOLE = sys.argv.pop(1) == "whole"
    unittest.main(verbosity=2)
