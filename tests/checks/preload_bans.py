#!/usr/bin/env python3
"""Checks that the preload's source stays away from what may not run inside a host. Argument: the
source tree. What slips through here the audit of the built library sees."""
import re
import sys

import tree

# Header-only and free of allocation, exceptions and locks.
STANDARD_HEADERS = {
    "algorithm", "array", "atomic", "bit", "cerrno", "climits", "concepts", "cstdarg", "cstddef",
    "cstdint", "cstring", "initializer_list", "iterator", "limits", "new", "span", "string_view",
    "type_traits", "utility",
}
INCLUDE = re.compile(r"^\s*#\s*include\s*<([^>.]+)>")
BANNED = [
    (re.compile(r"\b(throw|try|catch|dynamic_cast|typeid)\b"), "exceptions and RTTI"),
    (re.compile(r"\bnew\s+\w"), "operator new (placement excepted)"),
    (re.compile(r"(?<!operator )\bdelete\s*(\[\s*\]\s*)?\w"), "operator delete"),
    (re.compile(r"\bstd::(string|vector|map|unordered_map|set|deque|list|function|mutex|thread|"
                r"lock_guard|unique_lock|unique_ptr|shared_ptr|optional|c(out|err))\b"),
     "a type that allocates, locks or needs libstdc++"),
    (re.compile(r"\bpthread_(create|mutex_\w+|rwlock_\w+|cond_\w+)\s*\("),
     "threads and locks of pthread"),
    (re.compile(r"\b(signal|sigaction|atexit|on_exit)\s*\("), "handlers"),
    (re.compile(r"\b(f|s|sn|v|vsn|vf|d|as)?printf\s*\("), "printf: locks, locales, allocation"),
]


def check(root):
    problems = []
    for path in tree.sources(root, ("preload",)):
        for number, line in tree.numbered(tree.without_comments(tree.read(root, path))):
            where = "%s:%d: " % (path, number)
            include = INCLUDE.match(line)
            if include and include.group(1) not in STANDARD_HEADERS:
                problems.append(where + "<%s> is not a header for the preload" % include.group(1))
            for pattern, what in BANNED:
                if not include and pattern.search(line):
                    problems.append(where + "%s: %s" % (what, line.strip()))
    return problems


if __name__ == "__main__":
    sys.exit(tree.report(check(sys.argv[1])))
