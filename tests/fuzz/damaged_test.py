#!/usr/bin/env python3
"""A library whose unwind tables are damaged works as long as nobody throws through it: recorded, it
works as well. What the tables say then is what the fuzzer of loaded files finds out; this is the
whole program."""
import os
import struct

import harness

MANNERS = harness.program("manners")
PLUGIN = harness.program("libplugin.so")


def sections(data):
    """name -> (offset, bytes) of the sections of a 64-bit ELF file."""
    at, = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3a)
    headers = [struct.unpack_from("<IIQQQQ", data, at + i * size) for i in range(count)]
    strings = headers[names][4]
    found = {}
    for name, _, _, _, offset, length in headers:
        end = data.index(b"\0", strings + name)
        found[data[strings + name:end].decode()] = (offset, length)
    return found


def entries(data):
    """(offset, is a CIE) of the entries of .eh_frame."""
    at, length = sections(data)[".eh_frame"]
    end = at + length
    while at + 8 <= end:
        bytes_, = struct.unpack_from("<I", data, at)
        if bytes_ == 0:
            return
        yield at, struct.unpack_from("<I", data, at + 4)[0] == 0
        at += 4 + bytes_


def put(data, at, value):
    struct.pack_into("<I", data, at, value & 0xffffffff)


def long_entries(data):
    for at, _ in list(entries(data)):
        put(data, at, 0x70000000)


def common_entries_elsewhere(data):
    for at, is_cie in list(entries(data)):
        if not is_cie:
            put(data, at + 4, 0x7ffffff0)


def endless_augmentations(data):
    for at, is_cie in list(entries(data)):
        if is_cie:
            data[at + 9:at + 20] = b"z" * 11


def blocks_beyond_the_end(data):
    for at, is_cie in list(entries(data)):
        if not is_cie:
            # After addresses and size of the augmentation: def_cfa_expression, 2^31 bytes long.
            data[at + 17:at + 23] = b"\x0f\xff\xff\xff\xff\x07"


def table_of_entries_elsewhere(data):
    at, length = sections(data)[".eh_frame_hdr"]
    for i in range(at + 12, at + length - 7, 8):
        put(data, i + 4, 0x7fff0000)


def endless_table(data):
    at, _ = sections(data)[".eh_frame_hdr"]
    put(data, at + 8, 0x7fffffff)


def noise(data):
    at, length = sections(data)[".eh_frame"]
    data[at:at + length] = bytes(range(255, -1, -1)) * (length // 256) + b"\xff" * (length % 256)


DAMAGES = [long_entries, common_entries_elsewhere, endless_augmentations, blocks_beyond_the_end,
           table_of_entries_elsewhere, endless_table, noise]


class Damaged(harness.Case):
    def test_tables(self):
        with open(PLUGIN, "rb") as file:
            sound = file.read()
        self.assertGreaterEqual(len(list(entries(sound))), 3)
        for damage in DAMAGES:
            with self.subTest(damage=damage.__name__):
                data = bytearray(sound)
                damage(data)
                self.assertNotEqual(bytes(data), sound)
                path = self.path(damage.__name__ + ".so")
                with open(path, "wb") as file:
                    file.write(data)
                self.recordings = path + ".d"
                # libunwind, which the check asks for the same stacks, believes what it reads.
                self.same_with_and_without([MANNERS, "dlopen", path],
                                           variables={"MLA_UNWIND_CHECK": None})
                report = self.report_of_program(os.path.basename(MANNERS))
                self.assertEqual(report["status"], "exited")
                self.assertGreater(report["totals"]["alloc_count"], 6000)

    def test_programs_with_gaps(self):
        """Their tables are read as those of others."""
        program = harness.program("workload_with_gaps")
        self.same_with_and_without([program, "work", "exit=3"],
                                   variables={"MLA_UNWIND_CHECK": "1"})
        report = self.report_of_program(os.path.basename(program))
        self.assertGreater(report["unwind_check"]["checked"], 5000)
        for name in ("stack_heuristic", "stack_incomplete"):
            self.assertEqual(report["losses"].get(name, 0), 0, report["losses"])

    def test_program_with_gaps_and_its_own_malloc(self):
        os.makedirs(self.recordings)
        result = self.run_program(
            [harness.BIN, "run", "--dir", self.recordings, "-o", self.path("x.mla"), "--",
             harness.program("own_malloc_with_gaps")], harness.plain_environment())
        self.assertIn(b"own malloc", result.stderr)


if __name__ == "__main__":
    harness.main()
