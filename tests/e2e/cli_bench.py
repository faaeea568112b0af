"""mla bench: what it measures, what it says of what fails, and that it leaves nothing behind."""
import glob
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from cli_support import MLA, CommandLineTest, environment, mla

WORK = os.path.join(os.environ["MLA_PROGRAMS"], "bench_work")
SERVER = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.kept = bytearray(int(os.environ.get("KEEP", "1")) << 20)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_):
        pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
LOAD = """
import sys, urllib.request
for _ in range(3):
    urllib.request.urlopen("http://127.0.0.1:%s/" % sys.argv[1]).read()
print("rate: 123.5 requests/s")
sys.exit(int(sys.argv[2]))
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def running_with(word):
    """Pids of processes that have this word in their command line."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as source:
                if word.encode() in source.read():
                    found.append(int(pid))
        except OSError:
            pass
    return [pid for pid in found if pid != os.getpid()]


class Bench(CommandLineTest):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def file(self, name, text):
        path = os.path.join(self.directory.name, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def bench(self, *arguments, rc=0, env=None, **options):
        """Runs with --json -; returns the document and what was said on standard error."""
        done = mla("bench", "--json", "-", *arguments, env=env or environment(), timeout=120,
                   **options)
        self.assertEqual(done.returncode, rc, done.stderr + done.stdout)
        return json.loads(done.stdout), done.stderr

    @staticmethod
    def named(document, name):
        return next(c for c in document["configurations"] if c["name"] == name)

    def server(self):
        """(arguments that name the server, its port, the path of the load)"""
        port = str(free_port())
        command = ["--", sys.executable, self.file("server.py", SERVER), port]
        return command, port, self.file("load.py", LOAD)


class Measured(Bench):
    def test_a_setting_that_matters_wins(self):
        document, _ = self.bench(
            "--rounds", "5", "--allocators", "ptmalloc2", "--config", "small=WORK_KIB=4096",
            "--config", "same=ptmalloc2", "--max-cost", "1000", "--", WORK)
        self.assertEqual(document["rounds"], 5)
        small = self.named(document, "small")
        self.assertEqual((small["memory"], small["pareto"]), ("better", True))
        self.assertEqual(small["environment"], {"WORK_KIB": "4096"})
        base = self.named(document, "ptmalloc2")["measures"]["peak_bytes"]
        self.assertEqual(len(base["runs"]), 5)
        self.assertGreater(base["median"], 8 << 20)
        self.assertLess(base["median"], 10 << 20)
        peak = small["measures"]["peak_bytes"]["difference"]
        self.assertLess(peak["high"], -0.4)
        self.assertNotEqual(self.named(document, "same")["memory"], "better")
        self.assertEqual(document["recommended"]["name"], "small")
        self.assertEqual(document["recommended"]["command_line"], "WORK_KIB=4096 " + WORK)

    def test_children_count(self):
        # Two processes that hold memory at the same time, one of them left by its parent.
        script = f"{WORK} & ( {WORK} & ) ; {WORK}; wait"
        document, _ = self.bench("--rounds", "1", "--allocators", "ptmalloc2", "--", "sh", "-c",
                                 script, env=environment(WORK_KIB="20000"))
        measures = self.named(document, "ptmalloc2")["measures"]
        self.assertGreater(measures["peak_bytes"]["median"], 2 * 20000 * 1024)
        self.assertEqual(document["recommended"], None)
        self.assertGreater(measures["cpu_s"]["median"], 0)

    def test_one_round_decides_nothing(self):
        done = mla("bench", "--rounds", "1", "--allocators", "ptmalloc2", "--config",
                   "small=WORK_KIB=64", "--", WORK)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("too few rounds", done.stdout)
        self.assertIn("Nothing is decided by fewer than 5 rounds.", done.stdout)

    def test_metric_of_the_command(self):
        document, _ = self.bench("--rounds", "1", "--allocators", "ptmalloc2", "--metric",
                                 "([0-9]+) operations/s", "--", WORK)
        measured = self.named(document, "ptmalloc2")["measures"]["metric"]
        self.assertEqual(measured["median"], 8192)
        document, said = self.bench("--rounds", "1", "--allocators", "ptmalloc2", "--metric",
                                    "([0-9]+) bananas", "--", WORK, rc=2)
        self.assertIn("no line of the output has a number that --metric matches", said)

    def test_json_file_beside_the_text(self):
        path = os.path.join(self.directory.name, "out.json")
        done = mla("bench", "--rounds", "1", "--allocators", "ptmalloc2", "--json", path, "--",
                   WORK)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("ptmalloc2", done.stdout)
        with open(path, encoding="utf-8") as source:
            document = json.load(source)
        self.assertEqual(document["schema"], {"name": "mla-bench", "version": 1})

    def test_standard_input_is_read_by_every_run(self):
        with open(self.file("input", "7 bananas\n"), encoding="utf-8") as source:
            document, _ = self.bench("--rounds", "2", "--allocators", "ptmalloc2", "--metric",
                                     "([0-9]+) bananas", "--", "sh", "-c", f"cat; {WORK}",
                                     stdin=source)
        runs = self.named(document, "ptmalloc2")["measures"]["metric"]["runs"]
        self.assertEqual(runs, [7, 7])

    def test_settings_matrix(self):
        document, _ = self.bench("--rounds", "1", "--tune", "--allocators", "ptmalloc2", "--", WORK)
        names = [c["name"] for c in document["configurations"]]
        self.assertIn("ptmalloc2 arena_max=1", names)
        self.assertGreaterEqual(len(names), 9)
        self.assertEqual(self.named(document, "ptmalloc2 arena_max=1")["environment"],
                         {"MALLOC_ARENA_MAX": "1"})
        # Trimming is tried if the libmla.so at hand can do it, and is left out in so many words.
        left_out = "cannot trim: ptmalloc2 + trim=1s is left out" in "".join(document["notes"])
        self.assertNotEqual("ptmalloc2 + trim=1s" in names, left_out)

    def test_cost_of_mla(self):
        document, _ = self.bench("--rounds", "1", "--allocators", "ptmalloc2", "--with-mla",
                                 "--", WORK, env=environment(MLA_DIR=self.directory.name))
        cost = self.named(document, "ptmalloc2 + mla")
        self.assertTrue(cost["records"])
        self.assertGreater(cost["measures"]["peak_bytes"]["median"], 0)
        self.assertEqual(os.listdir(self.directory.name), [])


class Servers(Bench):
    def test_load_and_idle(self):
        command, port, load = self.server()
        document, said = self.bench(
            "--rounds", "2", "--allocators", "ptmalloc2", "--config", "more=KEEP=50", "--ready",
            f"http://127.0.0.1:{port}/", "--load", f"{sys.executable} {load} {port} 0", "--idle",
            "0.2", "--metric", "rate: ([0-9.]+)", *command)
        self.assertEqual(said, "")
        self.assertEqual(document["judged"], {"memory": "idle", "time": "metric"})
        base = self.named(document, "ptmalloc2")["measures"]
        more = self.named(document, "more")["measures"]
        self.assertEqual(base["metric"]["runs"], [123.5, 123.5])
        for measure in ("steady_bytes", "idle_bytes", "peak_bytes"):
            self.assertGreater(more[measure]["median"] - base[measure]["median"], 40 << 20)
        self.assertEqual(running_with(port), [])

    def test_never_ready(self):
        port = free_port()
        document, said = self.bench("--rounds", "2", "--allocators", "ptmalloc2", "--ready",
                                    f"127.0.0.1:{port}", "--load", "true", "--timeout", "0.3", "--",
                                    "sleep", "61.25", rc=2)
        self.assertIn(f"was not ready at 127.0.0.1:{port} within 0.30 s", said)
        self.assertEqual(document["rounds"], 1)
        self.assertEqual(running_with("61.25"), [])

    def test_server_that_ends_before_it_is_ready(self):
        _, said = self.bench("--allocators", "ptmalloc2", "--ready", f"127.0.0.1:{free_port()}",
                             "--load", "true", "--", "sh", "-c", "echo no such port; exit 4", rc=2)
        self.assertIn("exited with code 4: no such port, before it was ready", said)

    def test_load_fails(self):
        command, port, load = self.server()
        document, said = self.bench(
            "--rounds", "1", "--allocators", "ptmalloc2", "--ready", f"127.0.0.1:{port}", "--load",
            f"{sys.executable} {load} {port} 5", *command, rc=2)
        self.assertIn("its load exited with code 5: rate: 123.5 requests/s", said)
        self.assertIn("its load exited with code 5", document["configurations"][0]["problem"])
        self.assertEqual(running_with(port), [])

    def test_something_else_at_the_address(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            port = listener.getsockname()[1]
            _, said = self.bench("--allocators", "ptmalloc2", "--ready", f"127.0.0.1:{port}",
                                 "--load", "true", "--", "sleep", "5", rc=2)
        self.assertIn("something else answers", said)


class Failures(Bench):
    def test_one_configuration_fails_and_the_others_go_on(self):
        document, said = self.bench("--rounds", "2", "--allocators", "ptmalloc2", "--config",
                                    "broken=WORK_FAIL=1", "--config", "fine=A=1", "--", WORK, rc=1)
        self.assertIn("mla: broken: failed in round 1: exited with code 3: the disk is on fire",
                      said)
        self.assertEqual(len(self.named(document, "fine")["measures"]["peak_bytes"]["runs"]), 2)
        self.assertEqual(self.named(document, "broken")["measures"], {})

    def test_command_fails(self):
        document, said = self.bench("--allocators", "ptmalloc2", "--", "sh", "-c", "exit 7", rc=2)
        self.assertIn("exited with code 7", said)
        self.assertEqual(document["rounds"], 1)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to hide a library")
    def test_missing_allocator(self):
        libraries = glob.glob("/usr/lib/*/libjemalloc.so.2")
        if not libraries:
            self.skipTest("needs jemalloc, to hide it")
        # In a mount namespace of its own, a device stands where the library was.
        hidden = f"mount --bind /dev/null {libraries[0]} && exec \"$@\""
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", hidden, "sh", MLA, "bench", "--rounds", "1", "--json",
             "-", "--allocators", "ptmalloc2,jemalloc", "--", WORK],
            env=environment(), capture_output=True, text=True, timeout=60, check=False)
        if "mount" in done.stderr or "unshare" in done.stderr:
            self.skipTest("may not mount: " + done.stderr)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("apt-get install libjemalloc2", done.stderr)
        document = json.loads(done.stdout)
        self.assertIn("apt-get install libjemalloc2", document["missing"][0])
        self.assertEqual([c["name"] for c in document["configurations"]], ["ptmalloc2"])

    def compiled(self, *flags, code="int main(void) { return 0; }"):
        path = os.path.join(self.directory.name, "program")
        subprocess.run(["cc", "-O0", *flags, "-o", path, self.file("main.c", code)], check=True)
        return path

    def test_programs_that_no_allocator_reaches(self):
        own = ("#include <stddef.h>\nstatic char pool[1 << 20]; static size_t used;\n"
               "static void* malloc(size_t n) { used += (n + 15) & ~15UL; return pool + used; }\n"
               "int main(void) { return malloc(3) == 0; }")
        everywhere = own.replace("static void*", "void*")
        for flags, why in (
            ({"flags": ["-static"]}, "statically linked"),
            ({"flags": ["-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1"]}, "linked with musl"),
            ({"flags": ["-fno-builtin"], "code": everywhere}, "has its own malloc"),
            ({"flags": ["-fno-builtin"], "code": own}, "has its own malloc"),
            ({"flags": ["-fsanitize=address"]}, "sanitizer"),
        ):
            with self.subTest(why=why):
                program = self.compiled(*flags.pop("flags"), **flags)
                self.assert_one_line_error(mla("bench", "--allocators", "jemalloc,tcmalloc", "--",
                                               program), why)

    def test_what_a_program_contains_is_said(self):
        go = '__attribute__((section(".go.buildinfo"))) int x; int main(void) { return 1; }'
        embedded = ('const char* volatile message = "<jemalloc>: Out of memory";'
                    "int main(void) { return message == 0; }")
        for code, words in ((go, "its heap is Go's own"),
                            (embedded, "contains jemalloc's messages")):
            document, _ = self.bench("--allocators", "ptmalloc2", "--rounds", "1", "--",
                                     self.compiled(code=code), rc=2)
            self.assertIn(words, "".join(document["notes"]))

    def test_not_started_by_a_wrapper(self):
        # env -i drops LD_PRELOAD: only a look at the process itself can tell.
        allocator = next((a for a in ("jemalloc", "tcmalloc", "mimalloc") if self.installed(a)),
                         None)
        if allocator is None:
            self.skipTest("needs another allocator")
        document, said = self.bench("--rounds", "1", "--allocators", "ptmalloc2," + allocator, "--",
                                    "env", "-i", WORK, rc=1)
        self.assertIn("did not take effect", said)
        self.assertFalse(self.named(document, allocator)["took_effect"])

    @staticmethod
    def installed(allocator):
        done = mla("bench", "--rounds", "1", "--allocators", allocator, "--", WORK)
        return done.returncode == 0

    @unittest.skipUnless(os.path.exists("/usr/bin/redis-server"), "needs redis-server")
    def test_program_with_an_allocator_of_its_own(self):
        done = mla("bench", "--rounds", "1", "--", "/usr/bin/redis-server", "--version")
        if "libjemalloc" not in done.stdout:
            self.skipTest("this redis-server links no allocator")
        self.assertIn("redis-server links libjemalloc.so.2, which serves it without a preload",
                      done.stdout)
        self.assertRegex(done.stdout, r"jemalloc .* baseline")


class Interrupted(Bench):
    def test_prints_what_is_finished_and_leaves_nothing(self):
        marks = os.path.join(self.directory.name, "marks")
        script = f"echo x >> {marks}; {WORK}; test $(wc -l < {marks}) -lt 4 || sleep 61.75"
        running = subprocess.Popen([MLA, "bench", "--allocators", "ptmalloc2", "--config", "b=A=1",
                                    "--json", "-", "--", "sh", "-c", script], env=environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3000):
            if running_with("61.75") and os.path.exists(marks):
                with open(marks, encoding="ascii") as source:
                    if len(source.readlines()) >= 4:
                        break
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 130)
        document = json.loads(out)
        self.assertTrue(document["interrupted"])
        finished = sum(len([r for r in c["measures"]["peak_bytes"]["runs"] if r])
                       for c in document["configurations"])
        self.assertEqual(finished, 3)
        self.assertEqual(running_with("61.75"), [])

    def test_somebody_kills_what_stands_between(self):
        """mla's own process that keeps the command together; with it goes the command."""
        running = subprocess.Popen([MLA, "bench", "--allocators", "ptmalloc2", "--rounds", "1",
                                    "--", "sleep", "61.35"], env=environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(running.kill)
        sleeps = []
        for _ in range(3000):
            sleeps = [pid for pid in running_with("61.35")
                      if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "sleep"]
            if sleeps:
                break
            time.sleep(0.02)
        with open(f"/proc/{sleeps[0]}/stat", encoding="ascii") as source:
            keeper = int(source.read().rpartition(") ")[2].split()[1])
        self.assertNotEqual(keeper, running.pid)
        os.kill(keeper, signal.SIGKILL)
        _, said = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 2, said)
        self.assertIn("was killed by signal 9", said)

    def test_killed_mla_leaves_nothing(self):
        running = subprocess.Popen([MLA, "bench", "--allocators", "ptmalloc2", "--", "sh", "-c",
                                    "setsid sleep 61.5 & sleep 61.5"], env=environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(3000):
            if len(running_with("61.5")) >= 3:
                break
            time.sleep(0.02)
        running.kill()
        running.wait()
        for _ in range(3000):
            if not running_with("61.5"):
                return
            time.sleep(0.02)
        self.fail("left behind: %s" % running_with("61.5"))


class Usage(CommandLineTest):
    def test_bad_usage(self):
        for arguments, words in (
            (["bench"], ["no command", "mla bench -- CMD"]),
            (["bench", "true"], ["unexpected argument"]),
            (["bench", "--", "/nonexistent"], ["/nonexistent", "cannot be run"]),
            (["bench", "--allocators", "foo", "--", "true"], ["foo", "no allocator", "jemalloc"]),
            (["bench", "--config", "x", "--", "true"], ["--config x", "NAME="]),
            (["bench", "--config", "x=jemalloc,y", "--", "true"], ["jemalloc,y"]),
            (["bench", "--config", "a=", "--config", "a=", "--", "true"], ["two configurations"]),
            (["bench", "--rounds", "0", "--", "true"], ["--rounds"]),
            (["bench", "--margin=-1", "--", "true"], ["--margin", "above 0"]),
            (["bench", "--metric", "(", "--", "true"], ["regular expression"]),
            (["bench", "--better", "lower", "--", "true"], ["--metric"]),
            (["bench", "--load", "true", "--", "true"], ["--ready"]),
            (["bench", "--ready", "nowhere", "--load", "x", "--", "true"], ["HOST:PORT"]),
            (["bench", "--ready", "h:1", "--", "true"], ["--load", "--idle"]),
            (["bench", "--by", "idle", "--", "true"], ["--idle"]),
            (["bench", "--by", "steady", "--", "true"], ["--load"]),
            (["bench", "--json", "/nonexistent/x", "--", "true"], ["/nonexistent/x"]),
        ):
            with self.subTest(arguments=arguments):
                self.assert_one_line_error(mla(*arguments), *words)


if __name__ == "__main__":
    unittest.main()
