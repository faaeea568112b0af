"""A process whose objects are counted: by mla, and by itself when a line is sent to it.

Commands, one a line: "count" prints gc.get_objects() by type as JSON; "grow N" makes N nodes more;
"cycles N" leaves N unreachable cycles of a kilobyte and more each; "garbage N" puts N objects into
gc.garbage; "setgid N" sets the group it has N times, which every thread must take part in; "spoil"
breaks gc.collect(); "fork" answers from a forked child from then on; "idle" stops allocating."""
import gc
import json
import os
import sys
import threading
import time


class Node(object):
    def __init__(self):
        self.me = self
        self.text = "x" * 100 + str(id(self))


class Slots(object):
    __slots__ = ("a", "b")


class Mute(object):
    def __sizeof__(self):
        raise RuntimeError("mla must not call this")


class Lump(object):
    def __init__(self):
        self.me = self
        self.block = bytearray(4000)


class Odd(object):
    pass


KEPT = [Node() for i in range(1000)] + [Slots() for i in range(500)] + [Mute() for i in range(50)]
TEXTS = {i: str(i) * 3 for i in range(2000)}
BUSY = threading.Event()
BUSY.set()


def name_of(kind):
    return kind.__name__ if kind.__module__ == "builtins" else kind.__module__ + "." + kind.__name__


def count():
    found = {}
    for thing in gc.get_objects():
        row = found.setdefault(name_of(type(thing)), [0, 0])
        row[0] += 1
        row[1] += 0 if isinstance(thing, Mute) else sys.getsizeof(thing)
    return found


def allocate():
    while True:
        BUSY.wait()
        blocks = [bytearray(5000) for i in range(100)]
        del blocks
        time.sleep(0.01)


def main():
    thread = threading.Thread(target=allocate)
    thread.daemon = True
    thread.start()
    gc.disable()
    print(os.getpid())
    sys.stdout.flush()
    while True:
        words = sys.stdin.readline().split()
        if not words:
            return
        number = int(words[1]) if len(words) > 1 else 0
        answer = "ok"
        if words[0] == "count":
            answer = json.dumps(count())
        elif words[0] == "grow":
            KEPT.extend(Node() for i in range(number))
        elif words[0] == "cycles":
            for i in range(number):
                Lump()
        elif words[0] == "garbage":
            gc.garbage.extend(Odd() for i in range(number))
        elif words[0] == "setgid":
            for i in range(number):
                os.setgid(os.getgid())
        elif words[0] == "spoil":
            gc.collect = None
        elif words[0] == "idle":
            BUSY.clear()
            time.sleep(0.1)
        elif words[0] == "fork":
            if os.fork() != 0:
                os.wait()
                os._exit(0)
            thread = threading.Thread(target=allocate)
            thread.daemon = True
            thread.start()
            KEPT.append([bytearray(1000) for i in range(1200)])
            answer = str(os.getpid())
        print(answer)
        sys.stdout.flush()


main()
