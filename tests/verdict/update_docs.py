#!/usr/bin/env python3
"""Measures the verdict on labelled series and puts the table into docs/verdict.md.

Argument: the build directory. The seed is of no other use: bounds are tuned on seeds 1 to 3.
"""
import os
import subprocess
import sys

SEED, SERIES_A_FAMILY = "1001", "400"
BEGIN, END = "<!-- score_verdict -->\n", "<!-- end -->"
DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/verdict.md")


def main(build):
    table = subprocess.run([os.path.join(build, "tests", "score_verdict"), SEED, SERIES_A_FAMILY],
                           check=True, capture_output=True, text=True).stdout
    with open(DOCS, encoding="utf-8") as file:
        text = file.read()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    with open(DOCS, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + table + END + after)


if __name__ == "__main__":
    main(sys.argv[1])
