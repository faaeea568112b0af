#!/usr/bin/env python3
"""Audits the built libmla.so: what it exports, what it asks of others, how it is laid out.

Arguments: the library, the list of exports, the list of imports it may have.
"""
import re
import subprocess
import sys

import tree

NEEDED = {"libc.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
OWN_PREFIX = "mla_"
MAX_TLS_BYTES = 256  # static TLS is scarce: glibc keeps about 1.6 KiB for libraries loaded late


def names_in(path):
    with open(path, encoding="utf-8") as file:
        return {line.split("#")[0].strip() for line in file} - {""}


def readelf(library, *options):
    return subprocess.run(["readelf", "-W"] + list(options) + [library], check=True,
                          stdout=subprocess.PIPE, universal_newlines=True).stdout


def dynamic_symbols(library):
    """Returns (exported, imported) names, without versions."""
    exported, imported = set(), set()
    for line in readelf(library, "--dyn-syms").splitlines():
        fields = line.split()
        if len(fields) < 8 or not fields[0].rstrip(":").isdigit():
            continue
        name, kind = fields[7].split("@")[0], fields[3]
        if fields[6] == "UND":
            imported.add(name)
        elif fields[6] != "ABS" or kind != "OBJECT":  # an ABS object is a version's own name
            exported.add(name)
    return exported, imported


def check_symbols(library, exports, imports):
    exported, imported = dynamic_symbols(library)
    problems = ["exports %s, which is no hook" % name
                for name in sorted(exported - exports) if not name.startswith(OWN_PREFIX)]
    problems += ["does not export %s" % name for name in sorted(exports - exported)]
    problems += ["imports %s, which is not allowed" % name for name in sorted(imported - imports)]
    return problems


def check_layout(library):
    problems = []
    dynamic = readelf(library, "-d")
    for name in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic):
        if name not in NEEDED:
            problems.append("needs %s" % name)
    if "TEXTREL" in dynamic:
        problems.append("has text relocations")
    if re.search(r"\((RPATH|RUNPATH)\)", dynamic):
        problems.append("has a run path")
    segments = readelf(library, "-l")
    tls = re.search(r"^\s*TLS\s+(?:\S+\s+){4}(\S+)", segments, re.M)
    if tls and int(tls.group(1), 16) > MAX_TLS_BYTES:
        problems.append("thread-local storage of %d bytes" % int(tls.group(1), 16))
    if tls and re.search(r"__tls_get_addr|DTPMOD|TLSDESC", readelf(library, "-r", "--dyn-syms")):
        problems.append("thread-local storage that is allocated late: not initial-exec")
    stack = re.search(r"^\s*GNU_STACK\s.*$", segments, re.M)
    if not stack or "E" in stack.group(0).split()[6]:
        problems.append("asks for an executable stack")
    return problems


def check_unwind_information(library):
    """A host that unwinds through a hook (an exception, a profiler) needs its frame described."""
    ranges = [(int(start, 16), int(end, 16)) for start, end in re.findall(
        r"FDE .*pc=([0-9a-f]+)\.\.([0-9a-f]+)", readelf(library, "--debug-dump=frames"))]
    problems = []
    for line in readelf(library, "--dyn-syms").splitlines():
        fields = line.split()
        if len(fields) < 8 or fields[3] != "FUNC" or fields[6] == "UND":
            continue
        address = int(fields[1], 16)
        if not any(start <= address < end for start, end in ranges):
            problems.append("cannot be unwound through %s" % fields[7].split("@")[0])
    return problems


def check(library, exports, imports):
    return (check_symbols(library, exports, imports) + check_layout(library) +
            check_unwind_information(library))


if __name__ == "__main__":
    sys.exit(tree.report(check(sys.argv[1], names_in(sys.argv[2]), names_in(sys.argv[3]))))
