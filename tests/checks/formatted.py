#!/usr/bin/env python3
"""Checks that clang-format would change nothing. Argument: the source tree."""
import subprocess
import sys

import tree


def main(root):
    paths = tree.sources(root)
    return subprocess.run(["clang-format", "--dry-run", "-Werror"] + paths, cwd=root).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
