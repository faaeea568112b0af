"""Compares a report with what the comments of the program say. See expectations.py."""
import os

import expectations

FIGURES = ("live_bytes", "live_count", "alloc_bytes", "alloc_count", "freed_bytes", "freed_count")


class Checker:
    def __init__(self, sources, module):
        self.sites = expectations.read(sources)
        self.files = {os.path.basename(path) for path in sources}
        self.module = module
        self.by_line = {(site.file, site.line): site for site in self.sites.values()}

    def sites_of(self, stack):
        """The sites a stack belongs to: that of its innermost line of ours, and outer ones.
        And that line, if it is of no site."""
        lines = [(os.path.basename(frame["file"]), frame["line"]) for frame in stack
                 if frame["file"] is not None and os.path.basename(frame["file"]) in self.files]
        found = [self.by_line[line] for line in lines[:1] if line in self.by_line]
        found += [site for site in {self.by_line[line].name: self.by_line[line]
                                    for line in lines[1:] if line in self.by_line}.values()
                  if "outer" in site.attributes]
        return found, lines[:1] if lines and lines[0] not in self.by_line else []

    def check(self, report, variables, threads):
        """Problems, one line each."""
        problems = []
        sums = {name: dict.fromkeys(FIGURES, 0) for name in self.sites}
        kinds = {}
        for entry in report["sites"]:
            found, unknown = self.sites_of(entry["stack"])
            for line in unknown:
                problems.append("%s:%d allocates, but no comment says so: %s" % (
                    line + (describe(entry["stack"]),)))
            for site in found:
                for figure in FIGURES:
                    sums[site.name][figure] += entry[figure]
                kinds.setdefault(site.name, set()).add(entry["kind"])
                problems += self.check_stack(site, entry["stack"])
        for name, site in self.sites.items():
            problems += self.check_figures(site, sums[name], variables, threads, report)
            kind = {"mapping" if "map" in site.attributes else "heap"}
            if "any" not in site.attributes and kinds.get(name, kind) != kind:
                problems.append("%s: is of kind %s" % (name, sorted(kinds[name])))
        return problems

    def check_figures(self, site, found, variables, threads, report):
        problems = []
        expected = site.figures(variables, threads)
        if "interrupted" in site.attributes:
            # Two events each, an allocation and its end: both are recorded or both are lost. Those
            # that interrupt libunwind are not counted: they cannot be told from its own.
            lost = report["totals"]["lost_events"]
            missing = expected.pop("alloc_count") - found["alloc_count"] - lost // 2
            if lost % 2 != 0 or missing < 0 or (missing > 0 and report["unwind_check"] is None):
                problems.append("%s: %d allocations, %d lost events, %d missing" % (
                    site.name, found["alloc_count"], lost, missing))
        for figure, value in expected.items():
            if found[figure] != value:
                problems.append("%s (%s:%d): %s is %d, expected %d" % (
                    site.name, site.file, site.line, figure, found[figure], value))
        return problems

    def check_stack(self, site, stack):
        problems = []
        for index, (kind, function, other, library) in enumerate(site.frames):
            line_of = self.sites[other] if other else None
            frame = stack[index] if index < len(stack) else None
            module = os.path.join(os.path.dirname(self.module), library) if library else self.module
            good = (frame is not None and frame["kind"] == kind and
                    frame["function"] == function and frame["module"] == module and
                    (line_of is None or (os.path.basename(frame["file"] or "") == line_of.file and
                                         frame["line"] == line_of.line)))
            if not good:
                problems.append("%s: frame %d is not %s %s at %s in %s: %s" % (
                    site.name, index, kind, function, other, module, describe(stack)))
        return problems


def check_totals(report):
    """That the sum of the sites is the total, and that nothing is missing from it."""
    problems = []
    for figure in FIGURES:
        heap = sum(site[figure] for site in report["sites"] if site["kind"] == "heap")
        if heap != report["totals"][figure]:
            problems.append("totals: %s is %d, the sum of the sites %d" % (
                figure, report["totals"][figure], heap))
    mapped = sum(site["live_bytes"] for site in report["sites"] if site["kind"] == "mapping")
    if mapped != report["totals"]["mapped_bytes"]:
        problems.append("totals: mapped_bytes is %d, the sum of the sites %d" % (
            report["totals"]["mapped_bytes"], mapped))
    for site in report["sites"]:
        if (site["alloc_count"] - site["freed_count"] != site["live_count"] or
                site["alloc_bytes"] - site["freed_bytes"] != site["live_bytes"]):
            problems.append("site %d: more was freed than allocated" % site["id"])
    if report["stopped"] is not None or report["damage"]:
        problems.append("stopped: %s, damage: %s" % (report["stopped"], report["damage"]))
    return problems


def describe(stack):
    return " < ".join("%s %s (%s:%s)" % (frame["kind"], frame["function"],
                                         os.path.basename(frame["file"] or "?"), frame["line"])
                      for frame in stack[:6])
