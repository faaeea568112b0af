"""mla run: where recordings go. The program stands in for libmla.so: it writes them itself, so that
every case can be made at will."""
import os
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

from cli_support import CommandLineTest, environment, mla

BLOCK = 32 * 1024

# Writes a recording of `used` blocks in a file of `blocks` blocks, as libmla.so names them.
WRITER = f"""
import os, struct, sys
def record(pid, start, used=8, blocks=64, exe="prog"):
    path = os.path.join(os.environ["MLA_DIR"], f"mla-{{exe}}-{{pid}}-{{start:x}}.mla")
    header = bytearray({BLOCK})
    struct.pack_into("<8sIIII", header, 0, b"MLASEG\\r\\n", 5, 24000, {BLOCK}, 8)
    struct.pack_into("<I", header, 36, used)
    struct.pack_into("<I", header, 52, pid)
    with open(path, "wb") as out:
        out.write(header)
        out.seek({BLOCK} * (used - 1))
        out.write(str(start).encode().ljust({BLOCK}, b"x"))
        out.truncate({BLOCK} * blocks)
    return path
me = os.getpid()
"""


def tail(path):
    """What record() wrote into the last used block: the start."""
    with open(path, "rb") as source:
        return source.read()[-BLOCK:].rstrip(b"x")


class Store(CommandLineTest):
    def setUp(self):
        self.base = tempfile.TemporaryDirectory()
        self.addCleanup(self.base.cleanup)
        self.target = tempfile.TemporaryDirectory()
        self.addCleanup(self.target.cleanup)
        library = os.path.join(self.base.name, "libnothing.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "/dev/null", "-o", library],
                       check=True)
        self.env = environment(MLA_LIBRARY=library)

    def run_program(self, program, *options, base=None):
        done = mla("run", "--dir", base or self.base.name, *options, "--", sys.executable, "-c",
                   WRITER + program, env=self.env, cwd=self.target.name)
        self.stored = sorted(os.listdir(self.target.name))
        return done

    def left_over(self, base=None):
        return [n for n in os.listdir(base or self.base.name) if n.startswith("run-")]

    def test_default_name(self):
        self.run_program("record(me, 1); print(me)")
        self.assertEqual(len(self.stored), 1)
        name = f"mla-{os.path.basename(sys.executable)}-"
        self.assertRegex(self.stored[0], rf"^{name}\d+\.mla$")
        self.assertEqual(self.left_over(), [])

    def test_tail_is_cut_to_the_blocks_in_use(self):
        self.run_program("record(me, 1, used=9, blocks=100)", "-o", "out.mla")
        size = os.path.getsize(os.path.join(self.target.name, "out.mla"))
        self.assertEqual(size, 9 * BLOCK)

    def test_descendants_and_exec(self):
        dead = "999999901"
        self.run_program(
            f"record(me, 20); record(me, 5); record(me, 6); record({dead}, 9); record({dead}, 30)",
            "-o", "out.mla")
        self.assertEqual(len(self.stored), 5)
        starts = {}
        for name in self.stored:
            path = os.path.join(self.target.name, name)
            parts = name.removeprefix("out.mla").split(".")[1:]
            who = "dead" if parts and parts[0] == dead else "me" if parts else "main"
            starts[who, parts[1] if len(parts) > 1 else ""] = tail(path)
        self.assertEqual(starts, {("main", ""): b"20", ("me", ""): b"5", ("me", "2"): b"6",
                                  ("dead", ""): b"9", ("dead", "2"): b"30"})
        self.assertEqual(self.left_over(), [])

    def test_across_file_systems(self):
        if not os.path.isdir("/dev/shm") or (os.stat("/dev/shm").st_dev
                                             == os.stat(self.target.name).st_dev):
            self.skipTest("needs two file systems")
        with tempfile.TemporaryDirectory(dir="/dev/shm") as base:
            self.run_program("record(me, 77, used=40, blocks=100)", "-o", "out.mla", base=base)
            self.assertEqual(self.left_over(base), [])
        path = os.path.join(self.target.name, "out.mla")
        self.assertEqual(self.stored, ["out.mla"])
        self.assertEqual((os.path.getsize(path), tail(path)), (40 * BLOCK, b"77"))
        self.assertLess(os.stat(path).st_blocks * 512, 10 * BLOCK)  # the holes stayed holes
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_living_descendant_keeps_its_recording(self):
        program = """
import mmap, signal, time
r, w = os.pipe()
if os.fork() == 0:
    path = record(os.getpid(), 3)
    with open(path, "r+b") as file:
        keep = mmap.mmap(file.fileno(), 0)
    os.write(w, b"x")
    for fd in (0, 1, 2): os.close(fd)
    time.sleep(600)
    os._exit(0)
os.read(r, 1)
record(me, 1)
"""
        done = self.run_program(program, "-o", "out.mla")
        self.assertEqual(self.stored, ["out.mla"])
        self.assertIn("still runs", done.stderr)
        (left,) = self.left_over()
        (name,) = os.listdir(os.path.join(self.base.name, left))
        path = os.path.join(self.base.name, left, name)
        self.assertIn(path, done.stderr)
        self.assertEqual(os.path.getsize(path), 64 * BLOCK)
        os.kill(int(name.rsplit("-", 2)[1]), signal.SIGKILL)

    def test_idle_process_has_a_timeline(self):
        program = """
import mmap, time
path = record(me, 1)
with open("/proc/self/stat") as stat:
    ticks = int(stat.read().rsplit(")", 1)[1].split()[19])
with open(path, "r+b") as file:
    segment = mmap.mmap(file.fileno(), 0)
struct.pack_into("<QQ", segment, 88, time.monotonic_ns(), ticks)
struct.pack_into("<I", segment, 24, 1)  # recording
time.sleep(3.5)
"""
        self.run_program(program, "-o", "out.mla")
        with open(os.path.join(self.target.name, "out.mla"), "rb") as source:
            timeline = source.read()[BLOCK:3 * BLOCK]
        points = [p for p in struct.iter_unpack("<8Q", timeline) if p[0] != 0]
        self.assertIn(len(points), (1, 2, 3))  # one each second, unless the machine is busy
        for t_ns, rss, anon, *_ in points:
            self.assertGreater(t_ns, 900_000_000)
            self.assertGreater(rss, 1 << 20)
            self.assertLess(anon, rss)

    def test_target_that_vanished(self):
        program = f"record(me, 1); os.mkdir({self.target.name!r} + '/out.mla'); sys.exit(4)"
        done = self.run_program(program, "-o", "out.mla")
        self.assertEqual(done.returncode, 4)
        self.assertIn("cannot store its recording", done.stderr)
        (left,) = self.left_over()
        self.assertIn(os.path.join(self.base.name, left, "mla-prog-"), done.stderr)

    def test_older_file_is_replaced(self):
        with open(os.path.join(self.target.name, "out.mla"), "w", encoding="ascii") as out:
            out.write("old")
        self.run_program("record(me, 1)", "-o", "out.mla")
        self.assertEqual(tail(os.path.join(self.target.name, "out.mla")), b"1")


if __name__ == "__main__":
    unittest.main()
