#!/usr/bin/env python3
"""Measures the verdict on labelled series and call sites and puts the tables into docs/verdict.md.

Argument: the build directory. The seed is of no other use: bounds are tuned on seeds 1 to 3.
"""
import os
import subprocess
import sys

SEED, SERIES_A_FAMILY, PROCESSES = "1001", "400", "1000"
DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/verdict.md")


def replace(text, build, command, begin, end):
    """The text with what the command prints between the two marks."""
    table = subprocess.run([os.path.join(build, "tests", command[0])] + command[1:],
                           check=True, capture_output=True, text=True).stdout
    before, rest = text.split(begin)
    return before + begin + table + end + rest.split(end)[1]


def main(build):
    with open(DOCS, encoding="utf-8") as file:
        text = file.read()
    text = replace(text, build, ["score_verdict", SEED, SERIES_A_FAMILY],
                   "<!-- score_verdict -->\n", "<!-- end -->")
    text = replace(text, build, ["score_sites", SEED, PROCESSES],
                   "<!-- score_sites -->\n", "<!-- end sites -->")
    with open(DOCS, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main(sys.argv[1])
