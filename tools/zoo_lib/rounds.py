"""All runs: every program without mla twice, then under every configuration."""
import os
import shutil
import subprocess
import sys
import time

from zoo_lib import counting, host, recordings

EQUAL = "equal"
OWN = "the allocator's own"  # as different without mla, over the same allocator


class Cell:
    """One program under one configuration. verdict: a word or two; findings: sentences."""

    def __init__(self):
        self.verdict = EQUAL
        self.findings = []
        self.summary = None

    def find(self, verdict, sentence):
        if not self.findings:
            self.verdict = verdict
        self.findings.append(sentence)


class Row:
    """One program. problem: why there is nothing to compare with, a finding of the zoo itself."""

    def __init__(self, program):
        self.program = program
        self.missing = program.missing()
        self.problem = None
        self.seconds = None  # without mla
        self.took = 0.0
        self.cells = {}
        self.counted = 0  # cells whose allocations were compared with those counted without mla
        self.not_compared = []  # sentences: what, and why

    def findings(self):
        own = [self.problem] if self.problem else []
        return own + ["%s: %s" % (name, sentence) for name, cell in self.cells.items()
                      for sentence in cell.findings]


class Zoo:
    def __init__(self, mla, preload, directory, keep, timeout):
        self.mla = mla
        self.preload = preload
        self.directory = directory
        self.keep = keep
        self.timeout = timeout

    def once(self, program, variables, recordings_directory=None):
        """One run: (notes, why it failed, what hung with its stacks, pids of what it started). Only
        one of the second and the third."""
        base = os.path.join(self.directory, program.name)
        run = host.Host(os.path.join(base, "run"), os.path.join(base, "shared"),
                        dict(program.variables, **variables), self.timeout, program.user)
        if recordings_directory:
            os.makedirs(recordings_directory)
            run.own(recordings_directory)
            os.chmod(recordings_directory, 0o1777)  # what changes its user records here, too
        failure = stuck = None
        try:
            program.run(run)
        except host.Failed as error:
            failure = str(error)
        except host.Hang as error:
            stuck = (str(error), error.stacks)
            run.end()
        except BaseException:
            run.end()
            raise
        left, stacks = run.close()
        if left and not stuck:
            stuck = ("left running: " + "; ".join("%d %s" % process for process in left), stacks)
        return run.notes, failure, stuck, {process.pid for process in run.started}

    def row(self, program, configurations, progress=lambda *_: None):
        row, start = Row(program), time.monotonic()
        if not row.missing:
            self.fill(row, configurations, progress)
        row.took = time.monotonic() - start
        return row

    def fill(self, row, configurations, progress):
        program = row.program
        shared = os.path.join(self.directory, program.name, "shared")
        os.makedirs(shared)
        progress(program, "without mla")
        start = time.monotonic()
        try:
            program.prepare(shared)
        except host.Failed as error:
            row.problem = "cannot be prepared: %s" % error
            return
        first, failure, stuck, _ = self.once(program, {})
        row.seconds = time.monotonic() - start
        again = self.once(program, {})
        wrong = failure or (stuck and stuck[0]) or again[1] or (again[2] and again[2][0])
        if wrong:
            row.problem = "without mla: " + wrong
        elif first != again[0]:
            row.problem = "differs from itself without mla: " + difference(first, again[0])
        if row.problem:
            return
        for configuration in configurations:
            progress(program, configuration.name)
            row.cells[configuration.name] = self.cell(program, configuration, first)
        if program.repeatable:
            progress(program, "counted without mla")
            counts, reason = self.count(program, first)
            compare_allocations(row, counts, reason)
        shutil.rmtree(os.path.join(self.directory, program.name), ignore_errors=True)

    def cell(self, program, configuration, expected):
        cell = Cell()
        label = "%s-%s-%s" % (program.name, configuration.allocator, configuration.mode)
        directory = os.path.join(self.directory, program.name, "recordings-" + label)
        variables = configuration.environment(self.preload, directory, program.unwind_check)
        notes, failure, stuck, started = self.once(
            program, dict(program.recording, **variables), directory)
        if stuck:
            cell.find("hangs", stuck[0])
            self.keep_text(label + "-stacks.txt", stuck[1])
        elif failure:
            cell.find("fails", failure)
        elif notes != expected:
            self.judge_difference(cell, program, configuration, expected, notes)
        cell.summary = recordings.summarise(self.mla, directory, configuration, program,
                                            started)
        for sentence in cell.summary.wrong:
            cell.find("recording", sentence)
        if self.keep and cell.findings:
            self.keep_text(label + "-findings.txt", "\n".join(cell.findings) + "\n")
            kept = os.path.join(self.keep, label)
            shutil.rmtree(kept, ignore_errors=True)
            # Recordings are sparse: a plain copy of each would be 230 MiB.
            subprocess.run(["cp", "-a", "--sparse=always", directory, kept], check=True)
        shutil.rmtree(directory, ignore_errors=True)
        return cell

    def count(self, program, expected):
        """Allocations by base name as counted without mla, and why they are not known."""
        directory = os.path.join(self.directory, program.name, "counts")
        library = counting.build(self.directory)
        if library is None:
            return None, "there is no C compiler (cc) for what counts them without mla"
        notes, failure, stuck, _ = self.once(program, counting.environment(library, directory),
                                             directory)
        if failure or stuck or notes != expected:
            return None, "it does something else where they are counted without mla"
        return counting.read(directory), None

    def judge_difference(self, cell, program, configuration, expected, notes):
        alone = self.once(program, configuration.allocator_alone())
        if configuration.library and alone[1:3] == (None, None) and alone[0] == notes:
            cell.verdict = OWN
            return
        cell.find("differs", difference(expected, notes))

    def keep_text(self, name, text):
        if self.keep:
            with open(os.path.join(self.keep, name), "w", encoding="utf-8") as file:
                file.write(text)
        else:
            print(text, file=sys.stderr)


def difference(expected, notes):
    """The first one, in a sentence."""
    for wanted, got in zip(expected, notes):
        if wanted != got:
            if wanted[0] != got[0]:
                return "%s instead of %s" % (got[0], wanted[0])
            return "%s: %s" % (wanted[0], first_line_that_differs(wanted[1], got[1]))
    return "%d results instead of %d" % (len(notes), len(expected))


def first_line_that_differs(wanted, got):
    a, b = wanted.split(b"\n"), got.split(b"\n")
    for i in range(max(len(a), len(b))):
        pair = [lines[i][:150].decode("utf-8", "replace") if i < len(lines) else "nothing"
                for lines in (a, b)]
        if pair[0] != pair[1]:
            return "line %d: %r without, %r with" % (i + 1, pair[0], pair[1])
    return "lines differ beyond their first 150 bytes"


def compare_allocations(row, counts, reason):
    """Of a repeatable program: with those counted without mla, or a sentence why not."""
    for name, cell in row.cells.items():
        why = reason
        if not name.endswith("exact"):
            continue
        if cell.findings:
            why = "other findings"
        if why:
            row.not_compared.append("allocations of %s, %s: %s" % (row.program.name, name, why))
            continue
        row.counted += 1
        for sentence in recordings.uncounted(cell.summary, counts):
            cell.find("uncounted", sentence)
