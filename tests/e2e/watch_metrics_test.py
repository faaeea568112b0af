"""mla watch --metrics: scraped as Prometheus does, and with clients that hang."""
import http.client
import os
import re
import signal
import socket
import subprocess
import time
import unittest

import harness
from cli_support import environment
from exports_test import NO_PROMTOOL, PROMTOOL

GROWING = """
import time
kept = []
print("ready", flush=True)
while True:
    kept.append(bytearray(1 << 16))
    time.sleep(0.02)
"""
SILENT_CLIENTS = 20  # more than are served at a time


class Metrics(harness.Case):
    def setUp(self):
        super().setUp()
        script = self.path("growing.py")
        with open(script, "w", encoding="utf-8") as out:
            out.write(GROWING)
        self.processes = []
        for variables in (self.environment(), harness.plain_environment()):
            process = self.start([harness.PYTHON, script], variables, stdout=subprocess.PIPE)
            process.stdout.readline()
            self.processes.append(process)
        self.watcher = self.start(
            [harness.BIN, "watch", "--db", self.path("history.db"), "--every", "0.1",
             "--metrics=0", *(str(p.pid) for p in self.processes)],
            environment(MLA_DIR=self.recordings), stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        line = self.watcher.stderr.readline()
        self.port = int(re.fullmatch(r"mla: metrics at http://127\.0\.0\.1:(\d+)/metrics\n",
                                     line).group(1))

    def ask(self, method="GET", path="/metrics", accept="text/plain"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.addCleanup(connection.close)
        connection.request(method, path, headers={"Accept": accept})
        answer = connection.getresponse()
        return answer, answer.read().decode("utf-8")

    def scrape(self, wanted="mla_live_bytes"):
        """The text once it knows what is wanted."""
        deadline = time.monotonic() + harness.TIMEOUT
        while time.monotonic() < deadline:
            answer, text = self.ask()
            if answer.status == 200 and wanted in text:
                return text
            time.sleep(0.05)
        raise AssertionError("no %s in %s" % (wanted, text))

    def value(self, text, name, pid):
        found = re.findall(r'(?m)^%s\{[^}]*pid="%d"[^}]*\} (\S+)$' % (name, pid), text)
        return float(found[0]) if found else None

    def test_scrapes(self):
        text = self.scrape('mla_verdict="leak"')
        recorded, plain = (p.pid for p in self.processes)
        self.assertGreater(self.value(text, "mla_live_bytes", recorded), 1 << 16)
        self.assertIsNone(self.value(text, "mla_live_bytes", plain))
        for pid in (recorded, plain):
            self.assertGreater(self.value(text, "mla_resident_memory_bytes", pid), 1 << 20)
            states = re.findall(r'(?m)^mla_verdict\{[^}]*pid="%d"[^}]*\} (\S+)$' % pid, text)
            self.assertEqual(sorted(states), ["0"] * 5 + ["1"])
        self.assertEqual(self.value(text, "mla_lost_events_total", recorded), 0)
        self.assertIn('service="growing.py"', text)
        answer, text = self.ask(accept="application/openmetrics-text;version=1.0.0,*/*;q=0.5")
        self.assertRegex(answer.getheader("Content-Type"),
                         "^application/openmetrics-text; version=1")
        self.assertTrue(text.endswith("# EOF\n"))
        self.assertIn("# TYPE mla_verdict stateset", text)
        for method, path, status in (("HEAD", "/metrics", 200), ("GET", "/", 404),
                                     ("POST", "/metrics", 405), ("GET", "/metrics?x=1", 200)):
            answer, text = self.ask(method, path)
            self.assertEqual(answer.status, status, path)
            self.assertEqual(text == "", method == "HEAD")
        with self.assertRaises(OSError, msg="on the loopback address alone"):
            socket.create_connection(("127.0.0.2", self.port), timeout=10)

    @unittest.skipUnless(PROMTOOL, NO_PROMTOOL)
    def test_promtool(self):
        text = self.scrape("mla_growth_bytes_per_second")
        checked = subprocess.run([PROMTOOL, "check", "metrics"], input=text, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))

    def test_clients_that_hang(self):
        first = self.value(self.scrape(), "mla_sampled_timestamp_seconds", self.processes[0].pid)
        silent = [socket.create_connection(("127.0.0.1", self.port), timeout=60)
                  for _ in range(SILENT_CLIENTS)]
        for client in silent:
            self.addCleanup(client.close)
            client.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        flood = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.addCleanup(flood.close)
        later = self.scrape()  # when the first of them have had their time
        self.assertGreater(
            self.value(later, "mla_sampled_timestamp_seconds", self.processes[0].pid), first)
        try:
            flood.sendall(b"x" * (1 << 20))
            self.assertEqual(flood.recv(1), b"")
        except ConnectionError:
            pass  # a request of that size is not read to its end
        self.watcher.send_signal(signal.SIGTERM)
        self.assertEqual(self.watcher.wait(timeout=harness.TIMEOUT), 0)

    def test_only_by_a_name_of_the_loopback_interface(self):
        self.scrape("mla_")
        for host, status in (("evil.example:%d" % self.port, b"403"), ("127.0.0.1", b"200"),
                             ("localhost:%d" % self.port, b"200"), ("[::1]:1", b"200"),
                             ("", b"403"), ("127.0.0.1.evil.example", b"403")):
            with socket.create_connection(("127.0.0.1", self.port), harness.TIMEOUT) as client:
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode())
                self.assertEqual(client.recv(12), b"HTTP/1.1 " + status, host)

    def test_the_answer_arrives_whole_when_more_was_asked(self):
        whole = self.scrape("mla_")
        request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", self.port), harness.TIMEOUT) as client:
                client.sendall(request + b"POST / HTTP/1.1\r\nHost: evil.example\r\n\r\n" * 50)
                answer = b""
                while more := client.recv(1 << 16):
                    answer += more
            head, body = answer.split(b"\r\n\r\n", 1)
            self.assertTrue(head.startswith(b"HTTP/1.1 200"), head)
            self.assertIn(b"Content-Length: %d" % len(body), head)
            self.assertTrue(body.endswith(whole[-20:].encode()))

    def test_errors(self):
        for arguments, word in ((["--metrics=%d" % self.port], "--metrics"),
                                (["--metrics=70000"], "not a port"),
                                (["--metrics=0", "--once"], "excludes")):
            done = subprocess.run(
                [harness.BIN, "watch", "--db", self.path("b.db"), *arguments, str(os.getpid())],
                env=environment(), capture_output=True, text=True, timeout=harness.TIMEOUT)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(word, done.stderr)


if __name__ == "__main__":
    unittest.main()
