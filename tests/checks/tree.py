"""The files of the source tree that the checks read."""
import os
import re

OURS = ("preload", "analyser", "tools", "tests")
NOT_OURS = {".git", "build", "node_modules", "__pycache__"}


def all_files(root):
    """Paths below root, relative to it, sorted; build output and what npm fetched left out."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in NOT_OURS]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(found)


def sources(root, folders=OURS, endings=(".cc", ".h")):
    return [path for path in all_files(root)
            if path.split(os.sep)[0] in folders and path.endswith(endings)]


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def without_comments(text):
    """C++ text with comments, string and character literals blanked; line numbers stay."""
    token = re.compile(
        r"//[^\n]*|/\*.*?\*/|(?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"", re.S)

    def blank(match):
        return "\n" * match.group(0).count("\n") or " "
    lines = text.split("\n")
    includes = {i: line for i, line in enumerate(lines) if line.lstrip().startswith("#include")}
    blanked = token.sub(blank, text).split("\n")
    for i, line in includes.items():
        blanked[i] = line
    return "\n".join(blanked)


def numbered(text):
    return enumerate(text.split("\n"), start=1)


def report(problems):
    """Prints one line a problem; the exit code of a check."""
    for problem in problems:
        print(problem)
    if problems:
        print("%d problem(s)" % len(problems))
    return 1 if problems else 0
