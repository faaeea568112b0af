"""Allocates thousands of bytearrays of sizes of their own from all kinds of Python stacks. Writes
what the recording must say: each stack, as sys._getframe tells it, with its bytes and counts.
Argument: the file to write. Runs on 2.7 as well."""
import json
import random
import sys
import threading

stacks = {}  # ((function, file, line), ...) innermost first -> [count, bytes]
lock = threading.Lock()
slots = [None] * 64
random.seed(5)


def note(size):
    """Where the caller stands, and the size of what it is about to allocate."""
    frame = sys._getframe(1)
    stack = []
    while frame is not None:
        code = frame.f_code
        stack.append((getattr(code, "co_qualname", code.co_name), code.co_filename,
                      frame.f_lineno))
        frame = frame.f_back
    with lock:
        entry = stacks.setdefault(tuple(stack), [0, 0])
        entry[0] += 1
        entry[1] += size + 1  # bytearray appends a NUL
    return size


def size():
    return random.randrange(600, 9000)


def plain(depth):
    if depth > 0:
        return plain(depth - 1)
    slots[1] = bytearray(note(size()))
    for _ in range(3):
        slots[2] = [0,
                    bytearray(note(size())),
                    0]
    return slots[1]


def generator(count):
    for i in range(count):
        slots[3] = bytearray(note(size()))
        yield i
        slots[4] = bytearray(note(size()))


def inner_generators(count):
    for i in generator(count):
        yield [bytearray(note(size())) for _ in range(2)], i


class Things(object):
    def __init__(self):
        self.first = bytearray(note(size()))

    @property
    def second(self):
        return bytearray(note(size()))

    def __lt__(self, other):
        slots[5] = bytearray(note(size()))
        return id(self) < id(other)

    def __del__(self):
        slots[6] = bytearray(note(size()))

    @classmethod
    def make(cls):
        slots[7] = bytearray(note(size()))
        return cls()


def through_c():
    """The interpreter calls Python from C, several times in one stack."""
    things = [Things.make() for _ in range(4)]
    things.sort()
    sorted(range(5), key=lambda v: bytearray(note(size())) and v)
    list(map(lambda thing: thing.second, things))
    max(things, key=lambda t: plain(2) and 1)
    eval("plain(1)")
    code = compile("slots[8] = bytearray(note(size()))\n\n\nslots[9] = bytearray(note(size()))",
                   "made.py", "exec")
    exec(code, globals())


def raising():
    try:
        try:
            slots[10] = bytearray(note(size()))
            raise KeyError(1)
        finally:
            slots[11] = bytearray(note(size()))
    except KeyError:
        slots[12] = bytearray(note(size()))


def callback_from_ctypes():
    import ctypes
    compare_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

    def compare(a, b):
        slots[13] = bytearray(note(size()))
        return 0

    items = (ctypes.c_int * 4)(4, 3, 2, 1)
    ctypes.CDLL(None).qsort(items, 4, 4, compare_type(compare))


def recompiled():
    """Code objects that die, and others that take their addresses."""
    for i in range(30):
        scope = {"note": note, "size": size, "slots": slots}
        text = "\n" * (i % 7) + "def f%d():\n    slots[14] = bytearray(note(size()))\nf%d()"
        exec(compile(text % (i % 5, i % 5), "again%d.py" % (i % 3), "exec"), scope)


def run(rounds):
    for i in range(rounds):
        plain(i % 17)
        list(generator(3))
        list(inner_generators(2))
        through_c()
        raising()
        callback_from_ctypes()
        recompiled()


if sys.version_info >= (3, 7):
    exec(compile('''
async def leaf(depth):
    slots[20] = bytearray(note(size()))
    await asyncio.sleep(0)
    slots[21] = bytearray(note(size()))
    if depth > 0:
        await leaf(depth - 1)

async def numbers():
    for i in range(3):
        slots[22] = bytearray(note(size()))
        yield i

async def main():
    await asyncio.gather(*[leaf(i) for i in range(4)])
    async for i in numbers():
        slots[23] = bytearray(note(size()))

import asyncio
def run_async():
    asyncio.run(main())
''', "asynchronous.py", "exec"))
else:
    def run_async():
        pass

run(36)
run_async()
workers = [threading.Thread(target=run, args=(18,)) for _ in range(3)]
for worker in workers:
    worker.start()
run(18)
for worker in workers:
    worker.join()
with open(sys.argv[1], "w") as file:
    json.dump([[list(stack), count, bytes_] for stack, (count, bytes_) in stacks.items()], file)
print(sum(count for count, _ in stacks.values()))
