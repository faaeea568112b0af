#!/usr/bin/env python3
"""Checks that every #include follows the architecture. Argument: the source tree.

  hooks -> python -> capture -> segment -> format <- reader <- symbols <- stacks
                                                          <- series, ledger, history, verdict
                                                          <- report <- notify <- watch, push
  tools include all of these
  comparison includes nothing of ours; verdict, report and tools include it; verdict includes ledger
"""
import os
import re
import sys

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# Folder -> the folders it may include besides itself.
READERS = {"reader", "format"}
ANALYSES = {"symbols", "stacks", "series", "ledger", "history", "comparison", "verdict"}
MAY_INCLUDE = {
    "preload/format": set(),
    "preload/segment": {"format"},
    "preload/capture": {"segment", "format"},
    "preload/python": {"capture", "segment", "format"},
    "preload/hooks": {"capture", "python", "segment", "format"},
    "analyser/reader": {"format"},
    "analyser/symbols": READERS,
    "analyser/series": READERS,
    "analyser/stacks": READERS | {"symbols"},
    "analyser/ledger": READERS,
    "analyser/comparison": set(),
    "analyser/verdict": READERS | {"comparison", "ledger"},
    "analyser/history": READERS,
    "analyser/report": READERS | ANALYSES,
    "analyser/notify": READERS | {"history", "report"},
    "analyser/push": READERS | {"notify", "report"},
    "analyser/watch": READERS | {"history", "verdict", "series", "report"},
    "tools": READERS | ANALYSES | {"report", "notify", "push", "watch"},
}
# The format is shared memory: integers and atomics, nothing else.
FORMAT_SYSTEM_HEADERS = {"atomic", "cstddef", "cstdint"}


def layer(path):
    parts = path.split(os.sep)
    return parts[0] if parts[0] == "tools" else "/".join(parts[:2])


def check(root):
    problems = []
    for path in tree.sources(root, ("preload", "analyser", "tools")):
        own = layer(path)
        if own not in MAY_INCLUDE:
            problems.append("%s: folder %s has no place in the include order" % (path, own))
            continue
        for number, line in tree.numbered(tree.without_comments(tree.read(root, path))):
            match = INCLUDE.match(line)
            if not match:
                continue
            where = "%s:%d: " % (path, number)
            bracket, header = match.groups()
            if bracket == "<":
                if own == "preload/format" and header not in FORMAT_SYSTEM_HEADERS:
                    problems.append(where + "format may not include <%s>" % header)
                continue
            folder = header.split("/")[0]
            if own == "tools" and os.path.exists(os.path.join(root, "tools", header)):
                continue
            if folder != own.split("/")[-1] and folder not in MAY_INCLUDE[own]:
                problems.append(where + "%s may not include \"%s\"" % (own, header))
    return problems


if __name__ == "__main__":
    sys.exit(tree.report(check(sys.argv[1])))
