#!/usr/bin/env python3
"""A monitoring server in small: the kind of process mla was made for.

One thread waits in epoll on keep-alive HTTP connections of loopback; 25 worker threads take whole
requests from a queue. A report (JSON, kB to hundreds of kB) is parsed into objects, written to a
temporary file, read back and answered with its totals.

  POST /report   {"rows": [{"host", "metric", "value", "tags"}...]} -> {"rows", "sum", "digest"}
  GET  /stats    what this server knows of itself, among it the bytes it leaked
  GET  /healthz  ok

Standard library only, Python 3.8 or newer.
"""
import argparse
import collections
import ctypes
import hashlib
import json
import os
import queue
import select
import signal
import socket
import sys
import tempfile
import threading
import time

WORKERS = 25
MAX_REQUEST_BYTES = 16 << 20
SEND_SECONDS = 30


class PythonLeak:
    """Keeps a copy of every payload, as a cache does from which nothing is ever evicted."""

    def __init__(self):
        self.kept = []
        self.bytes = 0
        self.count = 0
        self.lock = threading.Lock()

    def remember(self, payload):
        with self.lock:
            self.kept.append(bytes(memoryview(payload)))
            # A bytes object is one allocation of exactly this size. Above 512 bytes, as payloads
            # are, CPython asks malloc for it.
            self.bytes += sys.getsizeof(self.kept[-1])
            self.count += 1


class NativeLeak:
    """Calls a C function that returns a new string, and declares the result wrongly: with c_char_p
    ctypes copies the string and drops the pointer, so nobody can free it."""

    def __init__(self):
        self.strndup = ctypes.CDLL(None).strndup
        self.strndup.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
        self.strndup.restype = ctypes.c_char_p
        self.bytes = 0
        self.count = 0
        self.lock = threading.Lock()

    def remember(self, payload):
        copy = self.strndup(payload, len(payload))
        with self.lock:
            self.bytes += len(copy) + 1  # strndup asks malloc for the characters and a NUL
            self.count += 1


class Burst:
    """Not a leak: work in bursts, after which the allocator cannot give the memory back.

    Each burst takes blocks below malloc's mmap threshold and frees them all but a few, which
    replace the ones kept of older bursts. What lives is bounded; free memory lies under it.
    """

    BLOCKS = 400
    BLOCK_BYTES = 20000
    KEEP_EVERY = 20
    KEEP_BYTES = 1000
    HOLD_SECONDS = 0.05  # as if waiting for a disk: lets the bursts of other threads overlap

    def __init__(self):
        self.kept = collections.deque(maxlen=WORKERS * self.BLOCKS // self.KEEP_EVERY)

    def run(self):
        blocks = []
        for i in range(self.BLOCKS):
            blocks.append(bytearray(self.BLOCK_BYTES))
            if i % self.KEEP_EVERY == self.KEEP_EVERY - 1:
                self.kept.append(bytearray(self.KEEP_BYTES))
        time.sleep(self.HOLD_SECONDS)

    def kept_bytes(self):
        return len(self.kept) * self.KEEP_BYTES


class Row:
    def __init__(self, host, metric, value, tags):
        self.host = host
        self.metric = metric
        self.value = value
        self.tags = tags

    def to_dict(self):
        return {"host": self.host, "metric": self.metric, "value": self.value, "tags": self.tags}


def process_report(payload):
    """Parses, stores, reads back and sums up one report. Raises ValueError for a bad one."""
    try:
        rows = [Row(**fields) for fields in json.loads(payload.decode("utf-8"))["rows"]]
    except (KeyError, TypeError) as e:
        raise ValueError("not a report: %s" % e)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        json.dump([row.to_dict() for row in rows], file)
        file.seek(0)
        stored = json.load(file)
    return {
        "rows": len(stored),
        "sum": sum(row["value"] for row in stored),
        "digest": hashlib.sha256(payload).hexdigest(),
    }


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.data = bytearray()

    def take_request(self):
        """Returns (method, path, body) of one whole request and forgets it, or None if there is
        none yet. Raises ValueError for what is no HTTP this server takes."""
        head_end = self.data.find(b"\r\n\r\n")
        if head_end < 0:
            if len(self.data) > 65536:
                raise ValueError("head too long")
            return None
        lines = bytes(self.data[:head_end]).decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3:
            raise ValueError("bad request line")
        length = 0
        for line in lines[1:]:
            name, _, value = line.partition(":")
            if name.strip().lower() == "content-length":
                length = int(value)
            elif name.strip().lower() == "transfer-encoding":
                raise ValueError("no transfer encoding is supported")
        if not 0 <= length <= MAX_REQUEST_BYTES:
            raise ValueError("body too long")
        body_start = head_end + 4
        if len(self.data) < body_start + length:
            return None
        body = bytes(memoryview(self.data)[body_start:body_start + length])
        self.data = self.data[body_start + length:]
        return words[0], words[1], body


def answer(status, value):
    body = json.dumps(value).encode("utf-8")
    head = "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (
        status, len(body))
    return head.encode("latin-1") + body


class Server:
    EVENTS = select.EPOLLIN | select.EPOLLONESHOT

    def __init__(self, options):
        self.options = options
        self.leak = {None: None, "python": PythonLeak, "native": NativeLeak}[options.leak]
        self.leak = self.leak() if self.leak else None
        self.burst = Burst() if options.burst else None
        self.requests = 0
        self.errors = 0
        self.lock = threading.Lock()
        self.work = queue.Queue()
        self.connections = {}
        self.epoll = select.epoll()
        self.listener = socket.create_server(("127.0.0.1", options.port), backlog=256)
        self.listener.setblocking(False)
        self.epoll.register(self.listener.fileno(), select.EPOLLIN)
        # Signals and workers wake the epoll loop through this pair.
        self.wake_in, self.wake_out = socket.socketpair()
        self.wake_in.setblocking(False)
        self.wake_out.setblocking(False)
        self.epoll.register(self.wake_in.fileno(), select.EPOLLIN)
        self.stopping = False

    def stop(self, *_):
        self.stopping = True
        try:
            self.wake_out.send(b"x")
        except BlockingIOError:
            pass  # full of wake-ups already

    def stats(self):
        return {
            "pid": os.getpid(),
            "mode": self.options.mode,
            "requests": self.requests,
            "errors": self.errors,
            "leaked_bytes": self.leak.bytes if self.leak else 0,
            "leaked_count": self.leak.count if self.leak else 0,
            "kept_bytes": self.burst.kept_bytes() if self.burst else 0,
        }

    def handle(self, method, path, body):
        if (method, path) == ("GET", "/healthz"):
            return answer("200 OK", "ok")
        if (method, path) == ("GET", "/stats"):
            return answer("200 OK", self.stats())
        if (method, path) != ("POST", "/report"):
            return answer("404 Not Found", {"error": "no such page"})
        try:
            result = process_report(body)
        except ValueError as e:
            with self.lock:
                self.errors += 1
            return answer("400 Bad Request", {"error": str(e)})
        if self.leak:
            self.leak.remember(body)
        if self.burst:
            self.burst.run()
        with self.lock:
            self.requests += 1
            last = self.options.max_requests and self.requests >= self.options.max_requests
        if last:
            self.stop()
        return answer("200 OK", result)

    def work_loop(self):
        while True:
            job = self.work.get()
            if job is None:
                return
            connection, request = job
            try:
                connection.sock.settimeout(SEND_SECONDS)
                connection.sock.sendall(self.handle(*request))
                connection.sock.setblocking(False)
                self.dispatch(connection)
            except OSError:
                self.close(connection)
            # Nothing of a request outlives it while the thread waits for the next one.
            del job, connection, request

    def close(self, connection):
        self.connections.pop(connection.sock.fileno(), None)
        connection.sock.close()

    def dispatch(self, connection):
        """Queues the next request of the connection, or waits for the rest of it."""
        try:
            request = connection.take_request()
        except ValueError as e:
            with self.lock:
                self.errors += 1
            connection.sock.send(answer("400 Bad Request", {"error": str(e)}))
            self.close(connection)
            return
        if request:
            self.work.put((connection, request))
        else:
            self.epoll.modify(connection.sock.fileno(), self.EVENTS)

    def accept(self):
        try:
            sock, _ = self.listener.accept()
        except BlockingIOError:
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections[sock.fileno()] = Connection(sock)
        self.epoll.register(sock.fileno(), self.EVENTS)

    def receive(self, connection):
        try:
            data = connection.sock.recv(1 << 18)
        except BlockingIOError:
            data = None
        except OSError:
            data = b""
        if data == b"":
            self.close(connection)
            return
        if data:
            connection.data += data
        self.dispatch(connection)

    def run(self):
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        threads = [threading.Thread(target=self.work_loop, name="worker-%d" % i)
                   for i in range(WORKERS)]
        for thread in threads:
            thread.start()
        print("listening on 127.0.0.1:%d" % self.listener.getsockname()[1], flush=True)
        deadline = time.monotonic() + self.options.seconds if self.options.seconds else None
        while not self.stopping:
            left = max(0.0, deadline - time.monotonic()) if deadline else None
            events = self.epoll.poll(left)
            if deadline and time.monotonic() >= deadline:
                break
            for fd, _ in events:
                if fd == self.listener.fileno():
                    self.accept()
                elif fd == self.wake_in.fileno():
                    self.wake_in.recv(4096)
                elif fd in self.connections:
                    self.receive(self.connections[fd])
        for _ in threads:
            self.work.put(None)
        for thread in threads:
            thread.join()


def parse_options(argv):
    parser = argparse.ArgumentParser(description="demo server; see the top of the file")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--clean", action="store_true", help="leak nothing (the default)")
    mode.add_argument("--leak", choices=["python", "native"], help="keep a copy of every payload")
    mode.add_argument("--burst", action="store_true",
                      help="leak nothing, but make the allocator keep memory")
    parser.add_argument("--port", type=int, default=0, help="0, the default: any free one")
    parser.add_argument("--max-requests", type=int, metavar="N", help="end after N reports")
    parser.add_argument("--seconds", type=float, metavar="S", help="end after S seconds")
    options = parser.parse_args(argv)
    options.mode = "leak-" + options.leak if options.leak else "burst" if options.burst else "clean"
    return options


if __name__ == "__main__":
    Server(parse_options(sys.argv[1:])).run()
