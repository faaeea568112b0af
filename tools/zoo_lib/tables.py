"""Results as rows of cells, and those as text or Markdown."""
from zoo_lib import rounds


def verdicts(results, configurations):
    """One row a program, one column a configuration."""
    rows = [["program", "without mla"] + [c.name for c in configurations]]
    for row in results:
        if row.missing:
            rows.append([row.program.name, row.missing] + [""] * len(configurations))
            continue
        without = "fails" if row.problem else "%.1f s" % row.seconds
        rows.append([row.program.name, without] + [
            row.cells[c.name].verdict if c.name in row.cells else "-" for c in configurations])
    return rows


def figures(results):
    """One row a program: what its recordings hold, over all configurations."""
    rows = [["program", "processes recorded", "allocations", "stacks compared", "differ",
             "heuristic", "events lost, all counted", "other losses"]]
    for row in results:
        summaries = [cell.summary for cell in row.cells.values()]
        if not summaries:
            continue
        losses = {}
        for summary in summaries:
            for name, count in summary.losses.items():
                if name != "stack_heuristic":
                    losses[name] = losses.get(name, 0) + count
        rows.append([row.program.name] + ["{:,}".format(sum(getattr(s, field) for s in summaries))
                                          for field in ("files", "allocations", "compared",
                                                        "differed", "heuristic", "lost")] +
                    [", ".join("%s %d" % item for item in sorted(losses.items())) or "none"])
    return rows


def totals(results):
    found = {"compared": 0, "differed": 0, "lost": 0, "files": 0}
    for row in results:
        for cell in row.cells.values():
            for name in found:
                found[name] += getattr(cell.summary, name)
    return found


def not_compared(results):
    """Lines about what was not compared, and why."""
    lines = ["not compared: " + sentence for row in results for sentence in row.not_compared]
    changing = [row.program.name for row in results if row.cells and not row.program.repeatable]
    if changing:
        lines.append("not compared: allocations of %s: not as many in every run" % ", ".join(
            changing))
    sampled = sorted({name for row in results for name in row.cells if name.endswith("sampled")})
    if sampled:
        lines.append("not compared: allocations over %s: they are estimates" % "; ".join(sampled))
    return lines


def verdict(results):
    """The last line, and whether all is well."""
    run = [row for row in results if not row.missing]
    bad = [row for row in run if row.findings()]
    uncounted = sum(cell.verdict == "uncounted" for row in run for cell in row.cells.values())
    own = sum(cell.verdict == rounds.OWN for row in run for cell in row.cells.values())
    sums = totals(results)
    text = ("%s of %d programs %s; %d of %d stacks differ; %d events lost and counted; allocations "
            "counted without mla in %d runs, not as many in %d" % (
                "all" if not bad else len(run) - len(bad), len(run),
                "equal" if not bad else "are equal", sums["differed"], sums["compared"],
                sums["lost"], sum(row.counted for row in run), uncounted))
    if own:
        text += "; %d runs differ as they do over that allocator without mla" % own
    missing = len(results) - len(run)
    if missing:
        text += "; %d not installed" % missing
    return "zoo: %s: %s" % ("passed" if run and not bad else "failed", text), bool(run and not bad)


def text(rows):
    widths = [max(len(row[i]) for row in rows if not long_missing(row))
              for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        if long_missing(row):
            lines.append("%-*s  %s" % (widths[0], row[0], row[1]))
        else:
            lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    return "\n".join(lines)


def long_missing(row):
    return row[1].startswith("not installed")


def markdown(rows):
    lines = ["| %s |" % " | ".join(row) for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines)
