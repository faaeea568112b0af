#!/usr/bin/env python3
"""The demo server does what it says of itself, without mla. Argument: the source tree."""
import os
import signal
import subprocess
import sys
import unittest

ROOT = None
REQUESTS = 120


def resident_bytes(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


class DemoServer(unittest.TestCase):
    def serve(self, *arguments):
        """Starts, loads and stops a server; returns (its stats, its resident bytes at the end)."""
        server, port = demo.start_server(list(arguments), {})
        try:
            clients = load.Load(port, REQUESTS, connections=40, seconds=60, seed=1)
            clients.run()
            self.assertEqual((clients.errors, clients.sent), (0, REQUESTS), clients.first_error)
            self.assertEqual(load.get(port, "/healthz"), "ok")
            stats = load.get(port, "/stats")
            resident = resident_bytes(server.pid)
            server.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(30), 0)
        finally:
            server.kill()
            server.stdout.close()
            server.wait()
        self.assertEqual((stats["requests"], stats["errors"]), (REQUESTS, 0))
        self.sent = clients.bytes
        return stats, resident

    def test_clean_and_burst(self):
        stats, clean = self.serve()
        self.assertEqual(stats["leaked_bytes"], 0)
        stats, burst = self.serve("--burst")
        self.assertEqual(stats["leaked_bytes"], 0)
        self.assertLess(stats["kept_bytes"], 1 << 20)
        self.assertGreater(burst, clean + 30 * stats["kept_bytes"])  # by glibc's malloc

    def test_leaks(self):
        header = sys.getsizeof(b"")
        for kind, overhead in ("python", header), ("native", 1):
            with self.subTest(kind=kind):
                stats, resident = self.serve("--leak", kind)
                self.assertEqual(stats["leaked_count"], REQUESTS)
                self.assertEqual(stats["leaked_bytes"], self.sent + overhead * REQUESTS)
                self.assertGreater(resident, stats["leaked_bytes"])

    def test_ends_by_itself(self):
        server, port = demo.start_server(["--max-requests", "10"], {})
        clients = load.Load(port, 10, connections=1, seconds=30, seed=1)
        clients.run()
        self.assertEqual(clients.errors, 0, clients.first_error)
        self.assertEqual(server.wait(30), 0)
        server.stdout.close()
        server = demo.start_server(["--seconds", "0.2"], {})[0]
        self.assertEqual(server.wait(30), 0)
        server.stdout.close()

    def test_load_notices_wrong_answers(self):
        server, port = demo.start_server([], {})
        try:
            clients = load.Load(port, 5, connections=1, seconds=30, seed=1)
            clients.payloads = [(b"not JSON", {})] * load.PAYLOADS
            clients.run()
            self.assertEqual(clients.errors, 5)
        finally:
            server.kill()
            server.stdout.close()
            self.assertEqual(server.wait(), -signal.SIGKILL)


if __name__ == "__main__":
    ROOT = sys.argv.pop(1)
    sys.path.insert(0, os.path.join(ROOT, "tools", "demo"))
    import demo
    import load
    sys.exit(unittest.main())
