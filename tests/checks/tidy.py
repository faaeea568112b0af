#!/usr/bin/env python3
"""Runs clang-tidy over every source of ours in the compile database, two at a time.

Arguments: the source tree, the build directory. A file that passed is not looked at again until it,
a header of ours, the rules or its compile command change.
"""
import concurrent.futures
import hashlib
import json
import os
import subprocess
import sys

import tree

# The database is g++'s: clang need not know all its options.
EXTRA = ["-Wno-unknown-warning-option", "-Wno-unused-command-line-argument",
         "-Wno-ignored-optimization-argument"]


def commands(root, build):
    """File -> (directory, command) of the first target that compiles it."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    found = {}
    for entry in entries:
        path = os.path.relpath(entry["file"], root)
        if path.split(os.sep)[0] in tree.OURS and not entry["file"].startswith(build + os.sep):
            found.setdefault(path, entry)
    return found


def main(root, build):
    root, build = os.path.realpath(root), os.path.realpath(build)
    work = os.path.join(build, "tidy")
    os.makedirs(work, exist_ok=True)
    entries = commands(root, build)
    with open(os.path.join(work, "compile_commands.json"), "w", encoding="utf-8") as file:
        json.dump(list(entries.values()), file)
    common = hashlib.sha256()
    for path in [".clang-tidy", "preload/.clang-tidy"] + tree.sources(root, endings=(".h",)):
        common.update(tree.read(root, path).encode("utf-8"))

    def check(path):
        """Returns the output of clang-tidy, None if the file is clean."""
        key = common.copy()
        key.update(json.dumps(entries[path], sort_keys=True).encode("utf-8"))
        key.update(tree.read(root, path).encode("utf-8"))
        passed = os.path.join(work, key.hexdigest())
        if os.path.exists(passed):
            return None
        result = subprocess.run(
            ["clang-tidy", "--quiet", "-p", work] + ["--extra-arg=" + option for option in EXTRA] +
            [os.path.join(root, path)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
        if result.returncode == 0:
            open(passed, "w").close()
            return None
        return result.stdout or result.stderr

    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        problems = [text for text in pool.map(check, sorted(entries)) if text]
    print("%d files" % len(entries))
    return tree.report(problems) if entries else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
