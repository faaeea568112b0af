"""Allocations whose Python line and size are known: each block has a size of its own, and is made
by the line that has its size in it. Runs on 2.7, too. Arguments: the scenes to play."""
import sys
import threading

kept = []


def scene_plain():
    kept.append(bytearray(100001))


def scene_worker_thread():
    def work():
        kept.append(bytearray(100101))
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def scene_generator():
    def produce():
        yield bytearray(100201)
    kept.extend(produce())


def scene_asyncio():
    import asyncio
    names = {"asyncio": asyncio, "kept": kept}
    exec(compile(ASYNCHRONOUS, __file__, "exec"), names)
    names["run"]()


ASYNCHRONOUS = """
async def leaf():
    await asyncio.sleep(0)
    kept.append(bytearray(100301))

async def several():
    await asyncio.gather(leaf(), leaf())

def run():
    asyncio.run(several())
"""


def scene_ctypes_callback():
    import ctypes
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

    def compare(a, b):
        kept.append(bytearray(100401))
        return 0
    items = (ctypes.c_int * 2)(2, 1)
    ctypes.CDLL(None).qsort(items, 2, 4, kind(compare))


def scene_without_the_gil():
    import ctypes
    libc = ctypes.CDLL(None)  # its calls release the GIL
    libc.malloc.restype = ctypes.c_void_p
    kept.append(libc.malloc(100501))

    def work():
        kept.append(libc.malloc(100502))
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def scene_subinterpreter():
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    code = """
def inside():
    return bytearray(100601)
import builtins
builtins.kept = inside()
"""
    one = interpreters.create()
    kept.append(one)
    interpreters.run_string(one, code)
    kept.append(bytearray(100602))

    def work():
        interpreters.run_string(one, code.replace("100601", "100603"))
        kept.append(bytearray(100604))
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def scene_deep():
    def down(depth):
        if depth == 0:
            kept.append(bytearray(100701))
        else:
            down(depth - 1)
    sys.setrecursionlimit(4000)
    threading.stack_size(256 << 20)
    thread = threading.Thread(target=down, args=(3000,))
    thread.start()
    thread.join()


def scene_children():
    import multiprocessing
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        child = context.Process(target=work_in_child, args=(method,))
        child.start()
        child.join()
        assert child.exitcode == 0


def work_in_child(method):
    for _ in range(20):
        kept.append(bytearray(100801 if method == "fork" else 100802))


def scene_end():
    import atexit

    class Last(object):
        def __del__(self, bytearray=bytearray, kept=kept):
            kept.append(bytearray(100901))

    def at_exit():
        kept.append(bytearray(100902))
    atexit.register(at_exit)
    sys.keep_to_the_end = Last()
    stop = threading.Event()

    def daemon():
        while True:
            bytearray(100903)
            stop.wait(0.0001)
    for _ in range(3):
        thread = threading.Thread(target=daemon)
        thread.daemon = True
        thread.start()


if __name__ == "__main__":
    for scene in sys.argv[1:]:
        globals()["scene_" + scene]()
    sys.stdout.write("done\n")
    sys.stdout.flush()
