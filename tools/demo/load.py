#!/usr/bin/env python3
"""A bounded load for run_server.py: a fixed number of reports of kB to hundreds of kB, over
keep-alive connections, every answer checked. The same seed makes the same payloads.

Exit code 0: all answers right; 1: some wrong or missing.
"""
import argparse
import hashlib
import http.client
import json
import math
import random
import sys
import threading
import time

SMALLEST = 2000
LARGEST = 400000
PAYLOADS = 64  # different ones; made once, so that making them does not slow the load down
ROW_BYTES = 110


def make_payload(rng):
    """Returns (body, expected answer); sizes are spread evenly over their logarithm."""
    size = math.exp(rng.uniform(math.log(SMALLEST), math.log(LARGEST)))
    rows = [{
        "host": "host-%04d" % rng.randrange(10000),
        "metric": rng.choice(["cpu.user", "mem.rss", "net.rx", "disk.read"]),
        "value": rng.randrange(1 << 30),
        "tags": {"rack": "r%d" % rng.randrange(100), "env": rng.choice(["prod", "test"])},
    } for _ in range(max(1, int(size / ROW_BYTES)))]
    body = json.dumps({"rows": rows}).encode("utf-8")
    return body, {"rows": len(rows), "sum": sum(row["value"] for row in rows),
                  "digest": hashlib.sha256(body).hexdigest()}


def get(port, path):
    """GET from the server; returns the JSON value it answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read().decode("utf-8"))
    finally:
        connection.close()


class Load:
    def __init__(self, port, requests, connections, seconds, seed):
        rng = random.Random(seed)
        # The smallest go first: CPython 3.11+ runs the first calls of a function by another way
        # than all later ones, so that what these leak has another native call site.
        self.payloads = sorted((make_payload(rng) for _ in range(PAYLOADS)),
                               key=lambda payload: len(payload[0]))
        self.port = port
        self.left = requests
        self.connections = connections
        self.deadline = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.sent = 0
        self.errors = 0
        self.first_error = None
        self.bytes = 0
        self.elapsed = 0.0

    def next_payload(self):
        with self.lock:
            if self.left == 0 or time.monotonic() >= self.deadline:
                return None
            self.left -= 1
            self.sent += 1
            return self.payloads[(self.sent - 1) % PAYLOADS]

    def fail(self, why):
        with self.lock:
            self.errors += 1
            self.first_error = self.first_error or why

    def client(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while True:
            payload = self.next_payload()
            if payload is None:
                connection.close()
                return
            body, expected = payload
            try:
                connection.request("POST", "/report", body)
                response = connection.getresponse()
                value = json.loads(response.read().decode("utf-8"))
                if response.status != 200 or value != expected:
                    self.fail("answer %d: %.200s" % (response.status, value))
                with self.lock:
                    self.bytes += len(body)
            except (OSError, http.client.HTTPException, ValueError) as e:
                self.fail("%s: %s" % (type(e).__name__, e))
                connection.close()

    def run(self):
        start = time.monotonic()
        threads = [threading.Thread(target=self.client) for _ in range(self.connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.elapsed = time.monotonic() - start

    def summary(self):
        text = "%d requests, %.1f MB in %.1f s: %.0f requests/s, %d errors" % (
            self.sent, self.bytes / 1e6, self.elapsed, self.sent / self.elapsed, self.errors)
        return text + (" (the first: %s)" % self.first_error if self.first_error else "")


def main():
    parser = argparse.ArgumentParser(description="bounded load for run_server.py")
    parser.add_argument("port", type=int)
    parser.add_argument("--requests", type=int, default=800)
    parser.add_argument("--connections", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=120, help="send nothing more after these")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    load = Load(options.port, options.requests, options.connections, options.seconds, options.seed)
    load.run()
    print(load.summary())
    return 1 if load.errors or load.sent == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
