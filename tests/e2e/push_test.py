"""mla push to a local server that speaks what Pyroscope and Parca document, fails, hangs, refuses,
recovers, and takes the profile apart."""
import base64
import gzip
import http.server
import json
import os
import re
import subprocess
import threading
import time
import unittest
import urllib.parse

import exports_support as support
import harness
from cli_support import environment

REFUSALS = {400: b'{"code":"invalid_argument","message":"profile has no samples"}\n',
            401: b"no org id\n", 404: b"404 page not found", 301: b"", 422: b"too old"}


class Server:
    """Answers POST by the statuses it was given, one after another, the last one for ever; 0 hangs,
    -1 breaks off."""

    def __init__(self):
        self.statuses = [200]
        self.headers = {}
        self.promised = 0  # bytes of an answer that never come all
        self.requests = []
        self.closed = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.requests.append((self.path, dict(self.headers), body))
                status = server.statuses[0]
                if len(server.statuses) > 1:
                    server.statuses.pop(0)
                if status == 0:
                    server.closed.wait()
                    return
                if status == -1:
                    self.connection.shutdown(2)
                    return
                if server.promised:
                    self.send_response(status)
                    self.send_header("Content-Length", str(server.promised))
                    self.end_headers()
                    self.wfile.write(b"x" * min(server.promised, 1 << 18))
                    if server.promised > 1 << 30:
                        server.closed.wait()
                    return
                self.send_response(status)
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(REFUSALS.get(status, b"\x1b[31mgateway\n"))

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        self.url = "http://127.0.0.1:%d" % self.port
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        if not self.closed.is_set():
            self.closed.set()
            self.http.shutdown()
            self.http.server_close()


class Push(harness.Case):
    def setUp(self):
        super().setUp()
        self.server = Server()
        self.addCleanup(self.server.close)

    def push(self, recording, *options, to="--pyroscope", timeout="5"):
        return subprocess.run([harness.BIN, "push", recording, to, self.server.url, "--retry",
                               "0.02", "--timeout", timeout, *options], env=environment(),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=harness.TIMEOUT)

    def check(self, profile, recording):
        """The profile that arrived has the totals of the report."""
        if support.GO:
            totals = support.totals(recording)
            self.assertEqual(support.pprof_total(profile, "inuse_space/bytes"), totals["live"])
            self.assertEqual(support.pprof_total(profile, "alloc_space/bytes"), totals["allocated"])
        self.assertEqual(profile[:2], b"\x1f\x8b")

    def test_pyroscope(self):
        recording = support.record_python(self)
        before = time.time()
        done = self.push(recording, "--label", "release=1.4", "--label", "host=web1",
                         "--tenant", "a")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        (path, headers, body), = self.server.requests
        address = urllib.parse.urlsplit(path)
        self.assertEqual(address.path, "/ingest")
        query = {k: v for k, (v,) in urllib.parse.parse_qs(address.query).items()}
        self.assertRegex(query.pop("name"),
                         r"^exported\.py\{build=[0-9a-f]{12},host=web1,release=1\.4\}$")
        since, until = int(query.pop("from")), int(query.pop("until"))
        self.assertLess(since, until)
        self.assertLess(abs(until - before), 600, "when it was recorded: just now")
        self.assertEqual(query, {"format": "pprof", "spyName": "mla"})
        self.assertEqual(headers["X-Scope-OrgID"], "a")
        self.assertNotIn("Expect", headers)
        self.check(body, recording)
        self.assertIn("sent to 127.0.0.1:%d\n" % self.server.port, done.stdout)
        self.assertIn("release=1.4", done.stdout)

    def test_parca(self):
        recording = support.record_python(self)
        done = self.push(recording, "--label", "service=other", to="--parca")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        (path, headers, body), = self.server.requests
        self.assertEqual(path, "/api/profiles/writeraw")
        self.assertEqual(headers["Content-Type"], "application/json")
        document = json.loads(body)
        series, = document.pop("series")
        self.assertEqual(document, {"normalized": False})
        labels = {label["name"]: label["value"] for label in series["labels"]["labels"]}
        self.assertEqual((labels["__name__"], labels["service"]), ("memory", "other"))
        self.assertLessEqual(set(labels), {"__name__", "service", "host", "build"})
        sample, = series["samples"]
        self.check(base64.b64decode(sample["rawProfile"], validate=True), recording)

    def test_passing_failures_are_tried_again(self):
        recording = support.record_python(self)
        self.server.statuses = [500, 429, -1, 200]
        done = self.push(recording)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.server.requests), 4)
        self.assertEqual(len({body for _, _, body in self.server.requests}), 1)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 3)
        self.assertRegex(lines[0], r"HTTP status 500 \(.*gateway\): attempt 1 of 5")
        self.assertNotIn("\x1b", done.stderr, "what a server says does not move the cursor")

    def test_it_gives_up(self):
        self.server.statuses = [503]
        done = self.push(support.record_python(self), "--attempts", "3")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(len(self.server.requests), 3)
        self.assertIn("HTTP status 503", done.stderr.splitlines()[-1])

    def test_retry_after(self):
        self.server.statuses = [429, 200]
        self.server.headers = {"Retry-After": "1"}
        done = self.push(support.record_python(self))
        self.assertEqual(done.returncode, 0)
        self.assertIn("the next in 1.00 s", done.stderr)

    def test_hanging_server(self):
        self.server.statuses = [0]
        done = self.push(support.record_python(self), "--attempts", "2", timeout="0.3")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(len(self.server.requests), 2)
        self.assertRegex(done.stderr.splitlines()[-1], "(?i)time")

    def test_refusals_are_not_tried_again(self):
        for status, words in REFUSALS.items():
            self.server.statuses = [status]
            self.server.requests = []
            done = self.push(support.record_python(self))
            self.assertEqual((done.returncode, done.stdout), (2, ""), status)
            self.assertEqual(len(self.server.requests), 1, status)
            self.assertEqual(done.stderr.count("\n"), 1)
            self.assertIn("HTTP status %d" % status, done.stderr)
            self.assertIn(words.decode().strip(), done.stderr, "the server's own words")
        self.server.statuses = [401]
        self.assertIn("--tenant", self.push(support.record_python(self)).stderr)

    def test_the_status_counts_however_the_answer_ends(self):
        recording = support.record_python(self)
        for promised in (1 << 20, 1 << 40):  # broken off, and endless
            self.server.promised = promised
            for status, code in ((200, 0), (400, 2)):
                self.server.statuses = [status]
                self.server.requests = []
                done = self.push(recording)
                self.assertEqual((done.returncode, len(self.server.requests)), (code, 1))
                self.assertEqual("HTTP status 400" in done.stderr, status == 400, done.stderr)

    def test_no_server(self):
        self.server.close()
        done = self.push(support.record_python(self), "--attempts", "2")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr.count("\n"), 2, "it was tried again")
        self.assertIn("see that the server runs", done.stderr)

    def test_advice_by_kind_of_failure(self):
        recording = support.record_python(self)
        address = self.server.url
        self.server.url = "http://no-such-host.invalid:4040"
        done = self.push(recording)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1))
        self.assertIn("host's name", done.stderr)
        self.server.url = address.replace("http:", "https:")  # it does not speak TLS
        done = self.push(recording)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1))
        self.assertIn("speaks https", done.stderr)
        self.server.url = address
        self.server.statuses = [0]
        self.assertIn("--timeout", self.push(recording, "--attempts", "1", timeout="0.3").stderr)
        self.server.statuses = [-1]
        self.assertIn("http or https", self.push(recording, "--attempts", "1").stderr)
        self.server.statuses = [413]
        self.assertIn("largest body", self.push(recording).stderr)
        self.server.statuses = [302]
        for place, to in (("https://u:pa55@sso.example:8443/login?key=s3cret",
                           "https://sso.example:8443/login:"), ("/other/ingest?x=1",
                                                                address + "/other/ingest:")):
            self.server.headers = {"Location": place}
            done = self.push(recording)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1))
            self.assertIn("it points to %s give that" % to, done.stderr)
            self.assertNotIn("pa55", done.stderr)
            self.assertNotIn("s3cret", done.stderr)
        self.server.statuses = [404]
        self.assertIn("that of a Parca", self.push(recording, to="--parca").stderr)
        self.server.statuses = [401]
        self.assertNotIn("--tenant", self.push(recording, to="--parca").stderr)

    def test_dry_run_and_passwords(self):
        recording = support.record_python(self)
        secret = self.path("url")
        with open(secret, "w", encoding="utf-8") as out:
            out.write("http://user:pa55@127.0.0.1:%d\n" % self.server.port)
        arguments = [harness.BIN, "push", recording, "--pyroscope", "@" + secret, "--tenant", "t"]
        done = subprocess.run([*arguments, "--dry-run"], env=environment(), capture_output=True,
                              text=True, timeout=harness.TIMEOUT)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.server.requests, [])
        self.assertRegex(done.stdout, r"^would be sent: POST http://127.0.0.1:\d+/ingest\?name=")
        self.assertIn("X-Scope-OrgID: t", done.stdout)
        self.assertNotIn("pa55", done.stdout)
        self.server.statuses = [500]
        done = subprocess.run([*arguments, "--attempts", "1"], env=environment(),
                              capture_output=True, text=True, timeout=harness.TIMEOUT)
        self.assertEqual(done.returncode, 2)
        self.assertNotIn("pa55", done.stderr + done.stdout)
        self.assertEqual(self.server.requests[0][1]["Authorization"],
                         "Basic " + base64.b64encode(b"user:pa55").decode())

    def test_deep_stacks_lose_their_root(self):
        done = self.push(support.record_inlined(self))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("outer frames were left out of 1 stack", done.stdout)
        body = self.server.requests[0][2]
        self.assertIn(b"[outer frames left out]", gzip.decompress(body))
        if support.GO:
            _, samples = support.pprof_samples(body)
            self.assertLessEqual(max(len(locations) for _, locations in samples), 1000)

    def test_old_recordings_are_dated_now(self):
        """The start of a recording is in its header; the test moves it two days back."""
        recording = support.record_python(self)
        start = json.loads(support.report("--json", recording))["process"]["start_unix_s"]
        with open(recording, "rb") as file:
            data = bytearray(file.read())
        at = next(i for i in range(0, 4096, 8)
                  if abs(int.from_bytes(data[i:i + 8], "little") / 1e9 - start) < 1e-3)
        old = int.from_bytes(data[at:at + 8], "little") - 2 * 86400 * 10**9
        data[at:at + 8] = old.to_bytes(8, "little")
        changed = self.path("old.mla")
        with open(changed, "wb") as file:
            file.write(data)
        self.assertAlmostEqual(
            json.loads(support.report("--json", changed))["process"]["start_unix_s"],
            start - 2 * 86400, places=2)
        done = self.push(changed)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("dated now", done.stdout)
        until = int(re.search(r"until=(\d+)", self.server.requests[0][0]).group(1))
        self.assertLess(abs(until - time.time()), 600)
        if support.GO:
            raw = support.pprof(self.server.requests[0][2], "-raw")
            self.assertIn("Time: " + time.strftime("%Y-%m-%d", time.gmtime(until)), raw)

    def test_living_process(self):
        script = self.path("alive.py")
        with open(script, "w", encoding="utf-8") as out:
            out.write("kept = [bytearray(70000) for _ in range(9)]\nprint('ready', flush=True)\n"
                      "input()\n")
        process = self.start([harness.PYTHON, script], self.environment(),
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdout.readline()
        done = subprocess.run([harness.BIN, "push", str(process.pid), "--parca", self.server.url],
                              env=environment(MLA_DIR=self.recordings), capture_output=True,
                              text=True, timeout=harness.TIMEOUT)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(self.server.requests), 1)

    def test_usage(self):
        for arguments, word in (
                ([], "--parca"), (["--pyroscope", "ftp://x"], "address"),
                (["--pyroscope", "http://"], "address"), (["--pyroscope", "@/nowhere"], "/nowhere"),
                (["--pyroscope", "http://x?a=b"], "address"),
                (["--pyroscope", "http://user:pa/ssW0rd@localhost:1"], "%2F"),
                (["--parca", "http://user:ssW0rd"], "address"),
                (["--parca", "http://x:70000"], "address"),
                (["--pyroscope", "http://x", "--parca", "http://x"], "excludes"),
                (["--parca", "http://x", "--tenant", "a"], "--pyroscope"),
                (["--parca", "http://x", "--label", "a"], "NAME=VALUE"),
                (["--parca", "http://x", "--label", "__a=b"], "NAME=VALUE"),
                (["--parca", "http://x", "--label", "a="], "empty"),
                (["--parca", "http://x", "--label", "a=b,c"], "character"),
                (["--parca", "http://x"] + [a for i in range(31)
                                            for a in ("--label", "l%d=x" % i)], "31 labels"),
                (["--parca", "http://x", "--attempts", "0"], "--attempts")):
            done = subprocess.run([harness.BIN, "push", "x", *arguments], env=environment(),
                                  capture_output=True, text=True, timeout=harness.TIMEOUT)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(word, done.stderr, arguments)
            self.assertNotIn("ssW0rd", done.stderr)


if __name__ == "__main__":
    unittest.main()
