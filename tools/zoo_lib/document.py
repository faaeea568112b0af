"""docs/zoo.md, from the results."""
import platform
import time

from zoo_lib import tables

HEAD = """# The zoo: real programs under mla

This file is written by `tools/zoo --markdown docs/zoo.md`; do not edit it. It is the result of one
run of that command, with mla %(version)s on %(system)s, %(date)s.

Every program does the work below twice without mla, then once under mla in each column: over its
own allocator (ptmalloc2; redis brings jemalloc), and over the others by `MLA_ALLOCATOR`; recording
every allocation (exact), and one in 64 KiB (sampled). What is compared: exit codes, what is
printed, files that are made, answers of servers. The two runs without mla must be equal, too.

- **equal**: all of that is the same, nothing was left running, and every recording is readable and
  complete: it ended as its process did, its sums add up, nothing in it is damaged, it was not
  given up, at most one event in 1,000 is lost, and no stack that was compared differs from
  libunwind's; in exact mode stacks were compared.
- **the allocator's own**: the same difference without mla, with that allocator in `LD_PRELOAD`.
- **differs**, **fails**, **hangs**, **recording**, **uncounted**: findings, listed below the table.

A loss is an event that mla could not record, and that the recording counts. Where a program makes
the same allocations each time (bold), those recorded in exact mode must be as many as a library of
a few lines counts that takes the place of malloc without mla, but for 8 a process: an event lost
and not counted would be missing there.

**Result.** %(verdict)s
"""


def system():
    try:
        with open("/etc/os-release", encoding="utf-8") as file:
            names = dict(line.strip().split("=", 1) for line in file if "=" in line)
        return names.get("PRETTY_NAME", "Linux").strip('"') + ", " + platform.machine()
    except OSError:
        return "Linux, " + platform.machine()


def bold_repeatable(rows, results):
    names = {row.program.name for row in results if row.program.repeatable}
    return [["**%s**" % row[0] if row[0] in names else row[0]] + row[1:] for row in rows]


def document(results, configurations, missing, line, version):
    parts = [HEAD % {"version": version, "system": system(), "verdict": line[len("zoo: "):] + ".",
                     "date": time.strftime("%Y-%m-%d", time.gmtime())}]
    parts += ["Not run: %s.\n" % reason for reason in missing]
    parts.append(tables.markdown(bold_repeatable(tables.verdicts(results, configurations),
                                                 results)) + "\n")
    parts += ["%s%s.\n" % (text[0].upper(), text[1:]) for text in tables.not_compared(results)]
    findings = ["- %s: %s" % (row.program.name, sentence) for row in results
                for sentence in row.findings()]
    if findings:
        parts.append("## Findings\n\n%s\n" % "\n".join(findings))
    parts.append("## What was recorded\n\nOver all columns. Heuristic are stacks through code "
                 "without unwind information (of a JIT), followed by the frame pointer.\n")
    parts.append(tables.markdown(tables.figures(results)) + "\n")
    parts.append("## What they do\n")
    parts.append("\n".join("- %s: %s" % (row.program.name, row.program.title)
                           for row in results) + "\n")
    limits = ["- %s: %s" % (row.program.name, " ".join(row.program.limit.split()))
              for row in results if row.program.limit]
    if limits:
        parts.append("## Known limits\n\n%s\n" % "\n".join(limits))
    return "\n".join(parts)
