"""mla watch, mla history and mla run --watch on real processes, and notifications to a local server
that fails, hangs, refuses and recovers."""
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

import harness
from cli_support import environment

# Grows by 64 KiB every 20 ms, for ever, once a line was read.
LEAK = """
import sys, time
kept = []
print("ready", flush=True)
while True:
    kept.append(bytearray(1 << 16))
    time.sleep(0.02)
"""
STEADY = """
import time
print("ready", flush=True)
while True:
    time.sleep(0.02)
"""


# Of no other process of this host: it is watched by name.
LEAKY = "leak-%d.py" % os.getpid()
STEADILY = "w%x.py" % os.getpid()  # short: tables are measured
DIRECTORY = "app-%d" % os.getpid()


class Server:
    """Answers POST as `mode` says, and keeps what it was sent."""

    def __init__(self, port=0):
        self.mode = "ok"
        self.received = []
        self.refused = []
        self.closed = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                mode = server.mode
                if mode == "hang":
                    server.refused.append(body)
                    server.closed.wait()
                    return
                if mode == "ok":
                    server.received.append((self.path, json.loads(body)))
                else:
                    server.refused.append(body)
                answer = {"ok": b'{"errcode":0,"errmsg":"ok"}',
                          "wecom-limit": b'{"errcode":45009,"errmsg":"freq out of limit"}'}
                status = {"500": 500, "403": 403}.get(mode, 200)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(answer.get(mode, b""))

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        self.url = "http://127.0.0.1:%d" % self.port
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        if self.closed.is_set():
            return
        self.closed.set()
        self.http.shutdown()
        self.http.server_close()


class WatchCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.server = Server()
        self.addCleanup(self.server.close)
        self.db = self.path("history.db")
        # What arrives after it is sent again: long enough for a loaded machine.
        self.timeout = "30"
        self.log = self.path("log")

    def script(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)
        process = self.start([harness.PYTHON, self.path(name)], harness.plain_environment(),
                             stdout=subprocess.PIPE)
        process.stdout.readline()
        return process

    def watch(self, *arguments):
        with open(self.log, "a", encoding="utf-8") as log:
            return self.start([harness.BIN, "watch", "--db", self.db, "--every", "0.05", "--retry",
                               "0.1", "--timeout", self.timeout, *arguments],
                              environment(), stdout=log, stderr=log)

    def mla(self, *arguments):
        return subprocess.run([harness.BIN, *arguments], env=environment(), text=True,
                              capture_output=True, timeout=harness.TIMEOUT)

    def logged(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read()

    def end(self, process):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=harness.TIMEOUT), 0, self.logged())

    def history(self, *arguments):
        """Nothing in it while the watcher is about to make the file."""
        nothing = {"services": [], "events": [], "changes": [], "notifications_waiting": 0}
        if not os.path.exists(self.db):
            return nothing
        done = self.mla("history", "--db", self.db, "--json", *arguments)
        if "is an empty file" in done.stderr or "is locked" in done.stderr:
            return nothing
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def wait_for(self, condition, what):
        try:
            harness.wait_for(condition, what)
        except AssertionError as error:
            raise AssertionError("%s\n%s" % (error, self.logged())) from None

    def sampled_on(self):
        last = lambda: self.history()["services"][0]["workers"][0]["last"]
        before = last()
        self.wait_for(lambda: last() > before + 0.3, "more samples")


class Watch(WatchCase):
    def test_a_leak_is_told_once(self):
        self.script(LEAKY, LEAK)
        arguments = (LEAKY, "--notify", "webhook:" + self.server.url + "/hook?key=SECRET",
                     "--link-base", "http://reports/{service}")
        watcher = self.watch(*arguments)
        self.wait_for(lambda: self.server.received, "a notification")
        path, sent = self.server.received[0]
        self.assertEqual(path, "/hook?key=SECRET")
        self.assertEqual((sent["service"], sent["verdict"], sent["kind"]),
                         (LEAKY, "leak", "verdict"))
        self.assertGreater(sent["evidence"]["rate_bytes_per_hour"]["value"], 1 << 26)
        self.assertEqual(sent["link"], "http://reports/" + LEAKY)
        self.wait_for(lambda: self.history()["notifications_waiting"] == 0, "its delivery")
        watcher.kill()
        watcher.wait()
        watcher = self.watch(*arguments)
        self.sampled_on()
        self.end(watcher)
        self.assertEqual(len(self.server.received), 1)
        self.assertNotIn("SECRET", self.logged())
        with open(self.db, "rb") as database:
            self.assertNotIn(b"SECRET", database.read())
        history = self.history(LEAKY)
        self.assertEqual([c["verdict"] for c in history["changes"] if c["notified"]], ["leak"])
        self.assertEqual(history["notifications_waiting"], 0)

    def failing(self, mode):
        """A watcher of a leak whose notification has just reached a server that fails so."""
        self.server.mode = mode
        self.script(LEAKY, LEAK)
        watcher = self.watch(LEAKY, "--notify", "wecom:" + self.server.url)
        self.wait_for(lambda: self.server.refused, "an attempt at a server: " + mode)
        self.assertEqual(self.history()["notifications_waiting"], 1)
        return watcher

    def recovers(self, watcher):
        """It is sent, once: the queue is empty, and stays so after another start."""
        self.server.mode = "ok"
        self.wait_for(lambda: self.server.received, "a notification")
        self.wait_for(lambda: self.history()["notifications_waiting"] == 0, "an empty queue")
        self.end(watcher)
        watcher = self.watch(LEAKY, "--notify", "wecom:" + self.server.url)
        self.sampled_on()
        self.end(watcher)
        self.assertEqual(len(self.server.received), 1)
        self.assertEqual(self.server.received[0][1]["msgtype"], "markdown")

    def test_a_server_that_fails_and_recovers(self):
        self.timeout = "3"
        watcher = self.failing("500")
        self.sampled_on()
        for mode in ("wecom-limit", "hang"):
            attempts = len(self.server.refused)
            self.server.mode = mode
            self.wait_for(lambda: len(self.server.refused) > attempts, "another attempt: " + mode)
        self.sampled_on()
        self.recovers(watcher)

    def test_killed_while_the_server_hangs(self):
        watcher = self.failing("hang")
        watcher.kill()
        watcher.wait()
        watcher = self.watch(LEAKY, "--notify", "wecom:" + self.server.url)
        self.recovers(watcher)

    def test_killed_between_two_attempts(self):
        watcher = self.failing("500")
        self.wait_for(lambda: "will be tried again" in self.logged(), "the end of an attempt")
        watcher.kill()
        watcher.wait()
        watcher = self.watch(LEAKY, "--notify", "wecom:" + self.server.url)
        self.recovers(watcher)

    def test_what_is_refused_is_given_up(self):
        self.server.mode = "403"
        self.script(LEAKY, LEAK)
        watcher = self.watch(LEAKY, "--notify", "slack:" + self.server.url + "/SECRET")
        self.wait_for(lambda: "given up" in self.logged(), "giving up")
        self.end(watcher)
        self.assertEqual(len(self.server.refused), 1)
        self.assertNotIn("SECRET", self.logged())
        self.assertEqual([e["kind"] for e in self.history()["events"]].count("undelivered"), 1)

    def test_nobody_listens(self):
        port = self.server.port
        self.server.close()
        self.script(LEAKY, LEAK)
        watcher = self.watch(LEAKY, "--notify", "wecom:" + self.server.url)
        self.wait_for(lambda: "will be tried again" in self.logged(), "a failed attempt")
        self.assertEqual(self.history()["notifications_waiting"], 1)
        self.server = Server(port)
        self.addCleanup(self.server.close)
        self.recovers(watcher)

    def test_commands_and_mail(self):
        self.script(LEAKY, LEAK)
        mailer = self.path("sendmail")
        with open(mailer, "w", encoding="utf-8") as out:
            out.write("#!/bin/sh\ncat > %s\n" % self.path("mail"))
        os.chmod(mailer, 0o755)
        os.environ["MLA_SENDMAIL"] = mailer
        self.addCleanup(os.environ.pop, "MLA_SENDMAIL")
        command = "cat > %s; echo $MLA_VERDICT > %s" % (self.path("stdin"), self.path("verdict"))
        with open(self.log, "a", encoding="utf-8") as log:
            watcher = self.start(
                [harness.BIN, "watch", LEAKY, "--db", self.db, "--every", "0.1", "--notify",
                 "exec:" + command, "--notify", "mail:a@example.org"],
                environment(MLA_SENDMAIL=mailer), stdout=log, stderr=log)
        self.wait_for(lambda: self.history()["changes"] and os.path.exists(self.path("verdict"))
                      and os.path.exists(self.path("mail"))
                      and self.history()["notifications_waiting"] == 0, "both")
        self.end(watcher)
        with open(self.path("stdin"), encoding="utf-8") as source:
            self.assertEqual(json.load(source)["service"], LEAKY)
        with open(self.path("verdict"), encoding="utf-8") as source:
            self.assertEqual(source.read(), "leak\n")
        with open(self.path("mail"), encoding="utf-8") as source:
            mail = source.read()
        self.assertTrue(mail.startswith("To: a@example.org\nSubject: [mla] %s on " % LEAKY), mail)

    def test_restarted_workers_and_names(self):
        first = self.script(STEADILY, STEADY)
        watcher = self.watch(STEADILY)
        self.wait_for(lambda: self.history()["services"], "a sample")
        first.kill()
        first.wait()
        self.wait_for(lambda: "end" in [e["kind"] for e in self.history()["events"]], "its end")
        second = self.script(STEADILY, STEADY)
        self.wait_for(lambda: any("restart of pid %d" % first.pid in e["detail"]
                                  for e in self.history()["events"]), "its restart")
        self.end(watcher)
        workers = self.history(STEADILY)["services"][0]["workers"]
        self.assertEqual([w["pid"] for w in workers], [second.pid])

    def test_a_program_that_is_a_directory(self):
        """Python runs the __main__.py of it; there is no file to tell its build by."""
        os.mkdir(self.path(DIRECTORY))
        with open(self.path(DIRECTORY + "/__main__.py"), "w", encoding="utf-8") as out:
            out.write(STEADY)
        worker = self.start([harness.PYTHON, self.path(DIRECTORY)], harness.plain_environment(),
                            stdout=subprocess.PIPE)
        worker.stdout.readline()
        watcher = self.watch(DIRECTORY)
        self.wait_for(lambda: self.history()["services"], "a sample")
        self.end(watcher)
        self.assertEqual(self.history()["services"][0]["workers"][0]["pid"], worker.pid)

    def test_pids_end_and_so_does_mla(self):
        worker = self.script(STEADILY, STEADY)
        watcher = self.watch(str(worker.pid))
        self.wait_for(lambda: self.history()["services"], "a sample")
        worker.kill()
        worker.wait()
        self.assertEqual(watcher.wait(timeout=harness.TIMEOUT), 0)

    def test_once_and_dry_run(self):
        worker = self.script(STEADILY, STEADY)
        done = self.mla("watch", "--once", "--db", self.db, STEADILY)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("1 process is not recorded", done.stdout)
        self.assertIn(str(worker.pid), done.stdout)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 80)
        before = os.stat(self.db).st_size, self.history()["events"]
        done = self.mla("watch", "--once", "--dry-run", "--db", self.db, STEADILY)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual((os.stat(self.db).st_size, self.history()["events"]), before)

    def test_errors(self):
        for arguments, words in (
                (("watch", "999999999"), "no such process"),
                (("watch", "x", "--notify", "pigeon:SECRET"), "webhook:"),
                (("watch", "x", "--notify", "wecom:SECRET"), "https://"),
                (("watch", "x", "--message", "{what}"), "{what}"),
                (("watch", "x", "--message", "@" + self.path(".")), "cannot be read"),
                (("watch", "x", "--message", "@" + os.devnull), "is empty"),
                (("watch", "x", "--db", self.path("no/h.db")), "--db"),
                (("watch", "x", "--peak", "1"), "--rule founding"),
                (("history", "--db", self.path("none.db")), "--db"),
                (("history", "--since", "soon"), "7d")):
            done = self.mla(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(words, done.stderr, arguments)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertNotIn("SECRET", done.stderr)

    def test_started_with_ignored_signals_and_an_output_that_is_full(self):
        """As some supervisors do; what cannot be printed is no reason to tell nobody."""
        self.script(LEAKY, LEAK)
        told = self.path("told")
        with open(self.log, "a", encoding="utf-8") as log, open("/dev/full", "wb") as full:
            watcher = self.start(
                ["sh", "-c", "trap '' CHLD PIPE; exec \"$0\" \"$@\"", harness.BIN, "watch", LEAKY,
                 "--db", self.db, "--every", "0.1", "--notify",
                 "exec:echo $MLA_VERDICT >> " + told],
                environment(), stdout=full, stderr=log)
        self.wait_for(lambda: self.history()["changes"] and os.path.exists(told)
                      and self.history()["notifications_waiting"] == 0, "the notification")
        self.sampled_on()
        self.end(watcher)
        with open(told, encoding="utf-8") as source:
            self.assertEqual(source.read(), "leak\n")
        self.assertEqual(self.logged().count("mla watch goes on"), 1, self.logged())
        self.assertNotIn("will be tried again", self.logged())

    def test_the_reader_of_its_output_goes_away(self):
        """It ends, as every command does, but after what waits was sent."""
        self.script(LEAKY, LEAK)
        with open(self.log, "a", encoding="utf-8") as log:
            watcher = self.start([harness.BIN, "watch", LEAKY, "--db", self.db, "--every", "0.1",
                                  "--notify", "webhook:" + self.server.url],
                                 environment(), stdout=subprocess.PIPE, stderr=log)
        watcher.stdout.close()
        self.assertEqual(watcher.wait(timeout=harness.TIMEOUT), 128 + signal.SIGPIPE, self.logged())
        self.assertEqual([sent["verdict"] for _, sent in self.server.received], ["leak"])

    def test_a_history_that_is_removed(self):
        """It is begun again, and what is found is told again: nobody knows that it was."""
        self.script(LEAKY, LEAK)
        watcher = self.watch(LEAKY, "--notify", "webhook:" + self.server.url)
        self.wait_for(lambda: self.server.received and self.history()["changes"]
                      and self.history()["notifications_waiting"] == 0, "a notification")
        os.remove(self.db)
        self.wait_for(lambda: len(self.server.received) >= 2, "another notification")
        self.wait_for(lambda: self.history()["changes"]
                      and self.history()["notifications_waiting"] == 0, "its delivery")
        self.end(watcher)
        self.assertEqual(self.logged().count("was moved or removed"), 1, self.logged())

    @unittest.skipUnless(os.geteuid() == 0, "needs a tmpfs")
    def test_a_full_disk(self):
        if not harness.own_mount_namespace():
            self.skipTest("mounts are not permitted")
        small = self.path("small")
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", small], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", small])
        self.script(STEADILY, STEADY)
        self.db = os.path.join(small, "history.db")
        watcher = self.watch(STEADILY)
        self.wait_for(lambda: self.history()["services"], "a sample")
        filler = os.open(os.path.join(small, "filler"), os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(filler, b"x" * 1024)
        except OSError:
            os.close(filler)
        self.wait_for(lambda: "is full" in self.logged() or "cannot be" in self.logged(),
                      "the complaint")
        os.unlink(os.path.join(small, "filler"))
        self.wait_for(lambda: "nothing was lost" in self.logged(), "the catching up")
        self.end(watcher)


class Recorded(WatchCase):
    """Takes as long as a recording needs until it can be judged."""

    def test_a_recorded_process(self):
        text = self.path("leak.py")
        with open(text, "w", encoding="utf-8") as out:
            out.write(LEAK)
        leak = self.start([harness.PYTHON, text], self.environment(), stdout=subprocess.PIPE)
        leak.stdout.readline()
        with open(self.log, "a", encoding="utf-8") as log:
            watcher = self.start([harness.BIN, "watch", str(leak.pid), "--db", self.db, "--every",
                                  "0.1", "--notify", "webhook:" + self.server.url],
                                 environment(MLA_DIR=self.recordings), stdout=log, stderr=log)
        self.wait_for(lambda: self.server.received, "a notification")
        self.end(watcher)
        once = self.mla("watch", "--once", "--db", self.db, str(leak.pid))
        self.assertEqual(once.returncode, 1, once.stderr)
        self.assertRegex(once.stdout, r"leak\.py, pid %d, leaks in\n  [\d.]+ .iB/h  .*leak\.py:\d+"
                         % leak.pid)
        evidence = self.server.received[0][1]["evidence"]
        self.assertEqual(evidence["judged"], "live_bytes")
        self.assertGreater(evidence["live_bytes"], 1 << 20)
        worker = self.history()["services"][0]["workers"][0]
        self.assertTrue(worker["recorded"])
        self.assertIsNotNone(self.history()["services"][0]["points"][-1]["live_bytes"])

    def test_programs_and_recordings_that_come_later(self):
        """Not only within the first seconds of a process, which mla looks at more closely."""
        script = "late-%d.py" % os.getpid()
        with open(self.path(script), "w", encoding="utf-8") as out:
            out.write(LEAK)
        # It idles in os.fork(), as a worker of a prefork server until its first request.
        forks = "forks-%d.py" % os.getpid()
        with open(self.path(forks), "w", encoding="utf-8") as out:
            out.write("import os, time\nparent = os.getpid()\nif os.fork():\n    time.sleep(600)\n"
                      "time.sleep(13)\nkept = []\nwhile os.getppid() == parent:\n"
                      "    kept.append(bytearray(1 << 16))\n    time.sleep(0.02)\n")
        executes = self.start(["sh", "-c", 'sleep 13; exec "$0" "$1"', harness.PYTHON,
                               self.path(script)], self.environment(), stdout=subprocess.DEVNULL)
        self.start([harness.PYTHON, self.path(forks)], self.environment(),
                   stdout=subprocess.DEVNULL)
        with open(self.log, "a", encoding="utf-8") as log:
            watcher = self.start([harness.BIN, "watch", script, forks, "--db", self.db, "--every",
                                  "0.2"], environment(MLA_DIR=self.recordings), stdout=log,
                                 stderr=log)

        def recorded(name):
            return sorted(worker["recorded"] for service in self.history()["services"]
                          if service["service"] == name for worker in service["workers"])
        self.wait_for(lambda: recorded(script) == [True] and recorded(forks) == [True, True],
                      "their recordings")
        self.end(watcher)
        [worker] = self.history(script)["services"][0]["workers"]
        self.assertEqual(worker["pid"], executes.pid)

    def test_run_watch(self):
        with open(self.path("forks.py"), "w", encoding="utf-8") as out:
            # Long enough for two samples: one is taken each 10 seconds.
            out.write("import os, time\nos.fork()\nkept = bytearray(1 << 20)\ntime.sleep(13)\n")
        done = subprocess.run([harness.BIN, "run", "--watch", "--db", self.db, "--quiet", "-o",
                               self.path("out.mla"), "--", harness.PYTHON, self.path("forks.py")],
                              env=environment(MLA_DIR=self.recordings), capture_output=True,
                              timeout=harness.TIMEOUT, check=True)
        workers = self.history("forks.py")["services"][0]["workers"]
        self.assertEqual([w["recorded"] for w in workers], [True, True], done.stderr)


if __name__ == "__main__":
    unittest.main(defaultTest={"usual": "Watch", "recorded": "Recorded"}[sys.argv.pop(1)],
                  verbosity=2)
