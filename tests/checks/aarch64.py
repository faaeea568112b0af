#!/usr/bin/env python3
"""Compiles the preload for aarch64, with the options it has for this machine.

Arguments: the source tree, the build directory. Exit code 77: no cross compiler.
"""
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

import tree

COMPILER = "aarch64-linux-gnu-g++"
NOT_INSTALLED = 77
# Debian's libunwind-dev:arm64, and a cross-built one.
HEADERS = ["/usr/include/aarch64-linux-gnu", "/usr/aarch64-linux-gnu/include"]
USES_LIBUNWIND = "preload/capture/reference_unwinder.cc"


def commands(root, build):
    """Source of libmla.so, relative to the tree -> its compile command."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    return {os.path.relpath(entry["file"], root): shlex.split(entry["command"])
            for entry in entries if "/mla_preload.dir/" in entry["command"]}


def cross_command(command, root, output):
    """The same for the other machine: paths of headers are kept only where they are the tree's."""
    kept = [word for word in command[1:]
            if not word.startswith("-I") or os.path.realpath(word[2:]).startswith(root + os.sep)]
    kept[kept.index("-o") + 1] = output
    kept += [option for folder in HEADERS for option in ("-idirafter", folder)]
    return [COMPILER] + kept


def main(root, build):
    root, build = os.path.realpath(root), os.path.realpath(build)
    if not shutil.which(COMPILER):
        print("SKIPPED: %s is not installed (Debian package g++-aarch64-linux-gnu)" % COMPILER)
        return NOT_INSTALLED
    entries = commands(root, build)
    left_out = not any(os.path.exists(os.path.join(folder, "libunwind-aarch64.h"))
                       for folder in HEADERS)
    if left_out:
        print("not compiled: %s: libunwind's headers for aarch64 are not installed (Debian package "
              "libunwind-dev:arm64)" % USES_LIBUNWIND)
        entries.pop(USES_LIBUNWIND)
    problems = []
    with tempfile.TemporaryDirectory(prefix="mla-aarch64-") as directory:
        output = os.path.join(directory, "object.o")
        for path in sorted(entries):
            result = subprocess.run(cross_command(entries[path], root, output),
                                    stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, universal_newlines=True)
            if result.returncode != 0:
                problems.append("%s: %s" % (path, result.stdout))
    print("%d files compiled for aarch64" % (len(entries) - len(problems)))
    return tree.report(problems) if entries else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
