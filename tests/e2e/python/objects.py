"""Small objects whose Python line, size and number are known: each kind has a size of its own, in
the line that makes it; with its header an object is 33 bytes larger. Arguments: the scenes."""
import os
import signal
import sys
import threading

COUNT = 2000
kept = []


def scene_plain():
    for _ in range(100 * COUNT):
        kept.append(bytes(101))


def scene_worker_thread():
    def work():
        for _ in range(COUNT):
            kept.append(bytes(102))
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def scene_generator():
    def produce():
        for _ in range(COUNT):
            yield bytes(103)
    kept.extend(produce())


def scene_asyncio():
    import asyncio
    names = {"asyncio": asyncio, "kept": kept, "COUNT": COUNT}
    exec(compile(ASYNCHRONOUS, __file__, "exec"), names)
    names["run"]()


ASYNCHRONOUS = """
async def leaf():
    await asyncio.sleep(0)
    for _ in range(COUNT):
        kept.append(bytes(104))

async def several():
    await asyncio.gather(leaf(), leaf())

def run():
    asyncio.run(several())
"""


def scene_coroutine():
    """As asyncio does it, whose import alone is worth a hundred megabytes of report."""
    names = {"kept": kept, "COUNT": COUNT}
    exec(compile(COROUTINE, __file__, "exec"), names)
    coroutine = names["outer"]()
    try:
        while True:
            coroutine.send(None)
    except StopIteration:
        pass


COROUTINE = """
class Turn:
    def __await__(self):
        yield

async def inner():
    await Turn()
    for _ in range(COUNT):
        kept.append(bytes(110))

async def outer():
    await inner()
    await inner()
"""


def scene_children():
    for _ in range(COUNT):
        kept.append(bytes(105))
    pid = os.fork()
    if pid == 0:
        del kept[:COUNT // 2]  # inherited
        for _ in range(COUNT):
            kept.append(bytes(106))
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert os.spawnv(os.P_WAIT, sys.executable,
                     [sys.executable, "-S", "-B", __file__, "spawned"]) == 0


def scene_spawned():
    for _ in range(COUNT):
        kept.append(bytes(107))
    os._exit(0)


def scene_dropped():
    for _ in range(COUNT):
        bytes(108)


def scene_sizes():
    for _ in range(COUNT):
        kept.append(object())
        kept.append(bytes(479))   # 512: the largest small one
        kept.append(bytes(480))   # 513: the smallest of malloc's
        kept.append(bytes(9001))


def scene_resized():
    blocks = [bytearray(201) for _ in range(COUNT)]
    for block in blocks:
        block.extend(bytes(2000))  # to malloc, and below back again
        del block[50:]
    kept.append(blocks)


def scene_tracemalloc():
    """Stands in front of the allocators, and steps back."""
    import tracemalloc
    for _ in range(3):
        tracemalloc.start()
        objects = [[] for _ in range(COUNT)]
        tracemalloc.stop()
        del objects
    for _ in range(COUNT):
        kept.append(bytes(109))


def scene_collected():
    import gc

    class Node(object):
        pass
    for _ in range(COUNT):
        a, b = Node(), Node()
        a.other, b.other = b, a
    gc.collect()


def scene_killed():
    sys.stdout.write("done\n")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    for scene in sys.argv[1:]:
        globals()["scene_" + scene]()
    sys.stdout.write("done\n")
    sys.stdout.flush()
    os._exit(0)  # an interpreter that ends frees what is kept
