"""Threads that stand at known lines, which end in "# at NAME". Says "ready" once all are started;
ends with exit code 7 after a line on standard input.

Arguments: the scenes to play.
"""
import ctypes
import os
import select
import sys
import threading
import time

ASYNCHRONOUS = """
import asyncio, time
async def inner():
    time.sleep(1000)
async def outer():
    await inner()
def in_a_coroutine():
    asyncio.run(outer())
"""
HELD = threading.Lock()


def lock():
    HELD.acquire()  # at lock


def sleep():
    time.sleep(1000)  # at sleep


def polling():
    reader, _ = os.pipe()
    select.select([reader], [], [])  # at poll


def epolling():
    poll = select.epoll()
    poll.register(os.pipe()[0])
    poll.poll()  # at epoll


def reading():
    os.read(os.pipe()[0], 1)  # at io


def produce():
    time.sleep(1000)  # at generator
    yield 1


def generator():
    for _ in produce():
        pass


class Sorter(object):
    def callback(self):
        comparison = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        two = (ctypes.c_int * 2)(1, 2)
        ctypes.CDLL(None).qsort(two, 2, ctypes.sizeof(ctypes.c_int), comparison(self.compare))

    def compare(self, left, right):
        time.sleep(1000)  # at callback
        return 0


def coroutine():
    scope = {}
    exec(compile(ASYNCHRONOUS, "asynchronous.py", "exec"), scope)
    scope["in_a_coroutine"]()


def deep(depth=300):
    if depth > 0:
        return deep(depth - 1)
    time.sleep(1000)  # at deep


def spin():
    n = 0
    while True:
        n += 1


def main():
    HELD.acquire()
    scenes = {"lock": lock, "sleep": sleep, "poll": polling, "epoll": epolling, "io": reading,
              "generator": generator, "callback": Sorter().callback, "coroutine": coroutine,
              "deep": deep, "spin": spin}
    for name in sys.argv[1:]:
        thread = threading.Thread(target=scenes[name])
        thread.daemon = True
        thread.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    os.read(0, 1)
    sys.stdout.write("done\n")
    sys.stdout.flush()
    os._exit(7)


main()
