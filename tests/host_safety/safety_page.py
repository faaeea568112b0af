#!/usr/bin/env python3
"""Every test that docs/safety.md names exists, and every script of this folder is named there; it
lists the system calls of the preload's source. Arguments: the page, the build directory."""
import glob
import json
import os
import re
import subprocess
import sys

NAMED = re.compile(r"`((?:host_safety|e2e|golden|checks|fuzz|storms|soak)[._][\w.]+|\w+_replay)`")


CALLED = re.compile(r"\bSYS_([a-z0-9_]+)")
BY_LIBRARY = {"clock_gettime"}  # called by its function


def listed_calls(text):
    """The system calls of the page's section on them."""
    section = text.partition("\n## System calls\n")[2].partition("\n## ")[0]
    return {name for line in section.splitlines() if line.startswith("| ")
            for name in re.findall(r"`([a-z0-9_]+)`", line.split("|")[2])}


def made_calls(source):
    """Those that the C++ files below this folder make."""
    made = set()
    for path in glob.glob(os.path.join(source, "**", "*"), recursive=True):
        if path.endswith((".h", ".cc")):
            with open(path, encoding="utf-8") as file:
                made.update(CALLED.findall(file.read()))
    return made


def main(page, build):
    with open(page, encoding="utf-8") as file:
        text = file.read()
    named = set(NAMED.findall(text))
    tests = subprocess.run(["ctest", "--show-only=json-v1"], cwd=build, check=True,
                            stdout=subprocess.PIPE).stdout
    known = {test["name"] for test in json.loads(tests.decode())["tests"]}
    here = os.path.dirname(os.path.abspath(__file__))
    scripts = {"host_safety." + os.path.basename(path)[:-len("_test.py")]
               for path in glob.glob(os.path.join(here, "*_test.py"))}
    problems = ["%s: no such test" % name for name in sorted(named - known)]
    problems += ["%s: not named" % name for name in sorted(scripts - named)]
    listed = listed_calls(text)
    made = made_calls(os.path.join(os.path.dirname(page), "..", "preload")) | BY_LIBRARY
    problems += ["%s: not in the list of system calls" % name for name in sorted(made - listed)]
    problems += ["%s: listed, but not called" % name for name in sorted(listed - made)]
    for problem in problems:
        print("docs/safety.md: " + problem)
    print("%d tests named" % len(named))
    return 1 if problems or not named else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
