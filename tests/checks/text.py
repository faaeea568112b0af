#!/usr/bin/env python3
"""Checks the text of all files: length of lines and files, white space, and that no path of the
machine it was written on got in. Argument: the source tree."""
import os
import re
import sys

import tree

CODE = (".cc", ".h", ".py", ".cmake", "CMakeLists.txt")
TEXT = CODE + (".md", ".txt", ".json", ".sh", ".1", "dev", "run", ".clang-tidy", ".clang-format")
MAX_COLUMNS = 100
MAX_LINES = 500
LONG_FILE_REASON = "Over %d lines: " % MAX_LINES  # in a comment of the file, with the reason
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root)(?:/|\b)")


def check_file(path, text):
    problems = []
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        where = "%s:%d: " % (path, number)
        if MACHINE_PATH.search(line):
            problems.append(where + "path of one machine")
        if not path.endswith(CODE):
            continue
        if len(line) > MAX_COLUMNS:
            problems.append(where + "%d columns" % len(line))
        if line != line.rstrip():
            problems.append(where + "space at the end of the line")
        if "\t" in line:
            problems.append(where + "tab")
    if path.endswith(CODE):
        if not text.endswith("\n") or text.endswith("\n\n"):
            problems.append("%s: must end in one newline" % path)
        if len(lines) > MAX_LINES and LONG_FILE_REASON not in text:
            problems.append("%s: %d lines and no \"%s\" with a reason" % (
                path, len(lines), LONG_FILE_REASON))
    if path.endswith(".h") and not re.search(r"^#pragma once$", text, re.M):
        problems.append("%s: no #pragma once" % path)
    return problems


def check(root):
    problems = []
    for path in tree.all_files(root):
        if path.endswith(TEXT) and not path.startswith(os.path.join("tests", "data")):
            problems += check_file(path, tree.read(root, path))
    return problems


if __name__ == "__main__":
    sys.exit(tree.report(check(sys.argv[1])))
