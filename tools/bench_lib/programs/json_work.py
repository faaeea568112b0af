"""Reads and writes JSON, builds and drops trees of objects: what a Python server does all day.

Argument: how often. Prints a digest of everything it made.
"""
import hashlib
import json
import sys


class Node:
    def __init__(self, depth):
        self.children = [Node(depth - 1), Node(depth - 1)] if depth else []
        self.value = {"depth": depth}

    def total(self):
        return self.value["depth"] + sum(child.total() for child in self.children)


def main(rounds):
    digest = hashlib.sha256()
    document = {"rows": [{"key%d" % i: [i * 1.5, "x" * i, None, {"id": i}]} for i in range(40)]}
    text = json.dumps(document, indent=1)
    for i in range(rounds):
        loaded = json.loads(text)
        loaded["round"] = i
        digest.update(json.dumps(loaded).encode())
        digest.update(json.dumps(loaded, indent=1).encode())
        if i % 8 == 0:
            digest.update(b"%d" % Node(9).total())
            digest.update("".join(sorted(map(str, range(1000)), key=lambda s: s[::-1])).encode())
    print(digest.hexdigest())


main(int(sys.argv[1]))
