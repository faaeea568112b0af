"""Makes 200 MB of small objects and drops all but two or three in each arena.

Then says on standard error what the interpreter knows of its arenas, writes "ready", and waits for
the end of its standard input, allocating meanwhile so that the ledger goes on.
"""
import sys

SIZE = 200  # of one object, with its header
ARENA = 1 << 20 if sys.version_info >= (3, 10) else 1 << 18


def make(count):
    filler = SIZE - sys.getsizeof(b"")
    return [b"%0*d" % (filler, i) for i in range(count)]


def keep_some_in_each_arena(objects):
    """Two or three, however the arenas lie: as many in every run, recorded or not."""
    return objects[::ARENA // SIZE * 2 // 5]


def main():
    objects = make(200 * 1000 * 1000 // SIZE)
    kept = keep_some_in_each_arena(objects)
    del objects
    sys._debugmallocstats()
    sys.stderr.flush()
    sys.stdout.write("ready %d\n" % len(kept))
    sys.stdout.flush()
    while sys.stdin.readline():
        for _ in range(400000):  # so that a walk of the ledger comes to its end
            bytearray(100000)
        sys.stdout.write("ready\n")
        sys.stdout.flush()


main()
