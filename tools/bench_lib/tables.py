"""Results: summed up, and written as text, Markdown and JSON."""
import statistics

from bench_lib import intervals
from bench_lib.configurations import BASELINE

MIB = 1 << 20
# Of a peer's slowdown: below it a ratio of slowdowns is one of noise.
NOTICEABLE = 0.03
# The design's: bytes, and the share of the live heap. The peak memory without is what comes nearest
# to that and is known from outside.
MEMORY_LIMITS = {"mla-exact": (8 * MIB, 0.15), "mla-sampled": (4 * MIB, 0.001)}


class Summary:
    """One workload under one configuration, against none. Attributes are None where unknown."""

    def __init__(self, workload, cell, baseline, is_baseline):
        self.cell = cell
        self.cpu = self.wall = self.throughput = self.peak_bytes = self.output_bytes = None
        self.same_output = True
        rounds = sorted(set(cell.runs) & set(baseline.runs))
        if not rounds:
            return
        runs = [cell.runs[i] for i in rounds]
        bases = [baseline.runs[i] for i in rounds]
        self.peak_bytes = statistics.median(run.peak_bytes for run in runs)
        self.output_bytes = statistics.median(run.output_bytes for run in runs)
        self.same_output = len({run.digest for run in runs + bases} - {None}) == 1
        if is_baseline:
            return
        self.cpu = intervals.paired_ratio([r.cpu_s for r in runs], [b.cpu_s for b in bases])
        self.wall = intervals.paired_ratio([r.wall_s for r in runs], [b.wall_s for b in bases])
        if workload.is_server:
            self.throughput = intervals.paired_ratio([b.wall_s for b in bases],
                                                     [r.wall_s for r in runs])

    def remark(self):
        """What must be said instead of, or beside, the figures."""
        if self.cell.failure:
            return "failed: " + " ".join(self.cell.failure.split())[:60]
        if self.cell.left_out:
            return self.cell.left_out
        if self.cell.stopped_s is not None:
            return "stopped after %d s" % self.cell.stopped_s
        return None if self.same_output else "OTHER OUTPUT than without"

    def json(self):
        def ratio(value):
            return value and {"median": value.median, "low": value.low, "high": value.high}
        return {
            "cpu_ratio": ratio(self.cpu), "wall_ratio": ratio(self.wall),
            "throughput_ratio": ratio(self.throughput), "peak_bytes": self.peak_bytes,
            "output_bytes": self.output_bytes, "same_output": self.same_output,
            "remark": self.remark(),
            "runs": [dict(vars(run), round=i) for i, run in sorted(self.cell.runs.items())],
        }


def summarise(workloads, configurations, cells):
    """(workload, configuration) -> Summary"""
    return {(w.name, c.name): Summary(w, cells[w.name, c.name], cells[w.name, BASELINE],
                                      c.name == BASELINE)
            for w in workloads for c in configurations}


def ratio_text(ratio):
    if ratio is None:
        return "-"
    if ratio.low is None:
        return "%.2f" % ratio.median
    return "%.2f (%.2f-%.2f)" % (ratio.median, ratio.low, ratio.high)


def bytes_text(count):
    if count is None:
        return "-"
    return "%.1f MiB" % (count / MIB) if count >= MIB / 10 else "%.1f KiB" % (count / 1024)


def speed_text(workload, summary):
    """The figure that counts: CPU time, for a server what it still gets done."""
    if summary.remark() and summary.cpu is None:
        return summary.remark()
    text = ratio_text(summary.throughput if workload.is_server else summary.cpu)
    return text if summary.same_output else text + " " + summary.remark()


def limit_text(workload, configuration, summary):
    """Empty where there is none."""
    limit = workload.limits.get(configuration.name)
    ratio = summary.throughput if workload.is_server else summary.cpu
    if limit is None or ratio is None:
        return ""
    met = ratio.median >= limit if workload.is_server else ratio.median <= limit
    return "%s %.2f: %s" % (">=" if workload.is_server else "<=", limit, "met" if met else "missed")


def slowdown(workload, summary):
    """What is added to each second of work, in seconds. None where unknown or nothing."""
    if workload.is_server:
        return summary.wall and max(summary.wall.median - 1, 0)
    return summary.cpu and max(summary.cpu.median - 1, 0)


def share_text(workload, ours, theirs):
    mine, peers = slowdown(workload, ours), slowdown(workload, theirs)
    if mine is None or peers is None:
        return "-"
    if peers < NOTICEABLE:
        return "not noticeable" if mine < NOTICEABLE else "%.2f against nothing" % mine
    return "%.2f" % (mine / peers)


def memory_text(configuration, summary, baseline):
    if summary.peak_bytes is None or baseline.peak_bytes is None:
        return ""
    fixed, share = MEMORY_LIMITS[configuration.name]
    extra = summary.peak_bytes - baseline.peak_bytes
    most = fixed + share * baseline.peak_bytes
    return "%s of %s: %s" % (bytes_text(max(extra, 0)), bytes_text(most),
                             "met" if extra <= most else "missed")


def rows_of(workloads, configurations, summaries, cell_text):
    others = [c for c in configurations if c.name != BASELINE]
    head = ["workload"] + [c.title for c in others]
    return [head] + [[w.title] + [cell_text(w, c, summaries[w.name, c.name]) for c in others]
                     for w in workloads]


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip()
                     for row in rows)


def markdown(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0])] + lines[1:])


def sections(workloads, configurations, summaries):
    """(heading, rows) of every table."""
    commands = [w for w in workloads if not w.is_server]
    servers = [w for w in workloads if w.is_server]
    tables = []
    if commands:
        tables.append(("CPU time (user and system), times that without", rows_of(
            commands, configurations, summaries, lambda w, c, s: speed_text(w, s))))
        tables.append(("Wall time, times that without", rows_of(
            commands, configurations, summaries, lambda w, c, s: ratio_text(s.wall))))
    if servers:
        tables.append(("Throughput, times that without", rows_of(
            servers, configurations, summaries, lambda w, c, s: speed_text(w, s))))
        tables.append(("CPU time of the server, times that without", rows_of(
            servers, configurations, summaries, lambda w, c, s: ratio_text(s.cpu))))
    for heading, field in (("Peak memory", "peak_bytes"), ("Bytes written", "output_bytes")):
        rows = [["workload"] + [c.title for c in configurations]]
        rows += [[w.title] + [bytes_text(getattr(summaries[w.name, c.name], field))
                              for c in configurations] for w in workloads]
        tables.append((heading, rows))
    limited = [w for w in workloads if w.limits]
    marked = [c for c in configurations if any(c.name in w.limits for w in limited)]
    if limited and marked:
        rows = [["workload"] + [c.title for c in marked]]
        rows += [[w.title] + [limit_text(w, c, summaries[w.name, c.name]) for c in marked]
                 for w in limited]
        tables.append(("Against the limits of the design", rows))
    limited = [c for c in configurations if c.name in MEMORY_LIMITS]
    if limited:
        rows = [["workload"] + [c.title for c in limited]]
        rows += [[w.title] + [memory_text(c, summaries[w.name, c.name],
                                          summaries[w.name, BASELINE])
                              for c in limited] for w in workloads]
        tables.append(("Extra memory, of what the design allows", rows))
    exact = [c for c in configurations if c.name == "mla-exact"]
    peers = [c for c in configurations if c.name.startswith("heaptrack")]
    if exact and peers:
        rows = [["workload"] + [c.title for c in peers]]
        rows += [[w.title] + [share_text(w, summaries[w.name, exact[0].name],
                                         summaries[w.name, c.name])
                              for c in peers] for w in workloads]
        tables.append(("What mla, exact adds to the work, as a share of what the peer adds", rows))
    return tables


def text(workloads, configurations, summaries):
    return "\n\n".join("%s\n\n%s" % (heading, aligned(rows)) for heading, rows in sections(
        workloads, configurations, summaries))
