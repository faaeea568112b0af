"""The command line of tools/zoo."""
import argparse
import concurrent.futures
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from zoo_lib import configurations, document, processes, rounds, tables
from zoo_lib.families import all_programs

DESCRIPTION = """Runs real programs doing real work twice without mla, then under mla over every
allocator, exact and sampled, and compares what they print, what they make and how they end. Every
recording must be complete and sound, stacks equal to libunwind's, and, where a program always makes
the same allocations, as many as are counted without mla."""
EXAMPLES = """examples:
  tools/zoo                                        all of it: about an hour
  tools/zoo --quick                                few programs, over ptmalloc2: shows that it works
  tools/zoo --programs redis,nginx --allocators jemalloc --keep findings
  tools/zoo --markdown docs/zoo.md                 all of it, and the document

Exit code: 0 nothing found, 1 findings, 2 wrong usage, 130 interrupted."""


class Usage(Exception):
    """What is wrong, and what to do."""


def parse(argv, root):
    parser = argparse.ArgumentParser(prog="tools/zoo", description=DESCRIPTION, epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(root, "build", "release"),
                        help="build directory (default: build/release)")
    parser.add_argument("--programs", metavar="A,B", help="only these (see --list)")
    parser.add_argument("--allocators", metavar="A,B",
                        help="only over these: " + ", ".join(configurations.ALLOCATORS))
    parser.add_argument("--modes", metavar="A,B", help="only these: exact, sampled")
    parser.add_argument("--quick", action="store_true",
                        help="few programs over ptmalloc2, unless --programs and --allocators "
                             "say otherwise")
    parser.add_argument("--timeout", type=int, default=300, metavar="S",
                        help="a run that takes longer hangs (default 300)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N",
                        help="so many programs at a time (default 1)")
    parser.add_argument("--keep", metavar="DIR",
                        help="keep recordings and stacks of what was found here")
    parser.add_argument("--markdown", metavar="FILE", help="also write the tables as a document")
    parser.add_argument("--list", action="store_true", help="what can be run here")
    options = parser.parse_args(argv)
    if options.timeout < 1 or options.jobs < 1:
        parser.error("--timeout and --jobs are whole numbers from 1")
    return options


def choose(things, wanted, what):
    """Those named, in their own order."""
    names = wanted.split(",")
    unknown = sorted(set(names) - set(things))
    if unknown:
        raise Usage("no such %s: %s: name some of %s" % (what, ", ".join(unknown),
                                                         ", ".join(things)))
    return [thing for thing in things if thing in names]


def chosen_programs(options):
    programs = {program.name: program for program in all_programs()}
    if options.programs:
        return [programs[name] for name in choose(list(programs), options.programs, "program")]
    return [p for p in programs.values() if p.quick or not options.quick]


def left_out(programs):
    """The sentence of the document on the programs that were not chosen; none: all were."""
    names = [p.name for p in all_programs() if p.name not in [chosen.name for chosen in programs]]
    return ["other programs that `tools/zoo` knows: " + ", ".join(names)] if names else []


def chosen_configurations(options):
    allocators = list(configurations.ALLOCATORS)
    if options.allocators:
        allocators = choose(allocators, options.allocators, "allocator")
    elif options.quick:
        allocators = allocators[:1]
    modes = list(configurations.MODES)
    if options.modes:
        modes = choose(modes, options.modes, "mode")
    return configurations.all_configurations(allocators, modes)


class Progress:
    """One line on a terminal that says what is under way; else a line for each program."""

    def __init__(self, count):
        self.on = sys.stderr.isatty()
        self.colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self.count = count
        self.number = 0

    def begin(self, program, configuration):
        if self.on:
            print("\r\033[K%d of %d: %s, %s" % (self.number + 1, self.count, program.name,
                                                configuration), end="", file=sys.stderr,
                  flush=True)

    def end(self, row):
        self.number += 1
        if self.on:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        findings = row.findings()
        word, colour = ("equal", 32) if not findings else ("%d findings" % len(findings), 31)
        if row.missing:
            word, colour = row.missing, 33
        if self.colour:
            word = "\033[%dm%s\033[m" % (colour, word)
        print("%-24s %s, %d s" % (row.program.name, word, row.took), flush=True)
        for sentence in findings:
            print("    " + sentence, flush=True)


def prepare_job():
    """Each job is a process, which knows of what it started. An interrupt is for their parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    processes.adopt_orphans()


def rows(zoo, programs, there, progress, jobs):
    """The rows, as they are finished."""
    if jobs == 1:
        for program in programs:
            yield zoo.row(program, there, progress.begin)
        return
    pool = concurrent.futures.ProcessPoolExecutor(jobs, initializer=prepare_job)
    with pool:
        try:
            for done in concurrent.futures.as_completed(
                    [pool.submit(zoo.row, program, there) for program in programs]):
                yield done.result()
        except BaseException:
            processes.kill_all()  # the jobs: to leave the pool is to wait for them
            raise


def run(options, directory):
    mla = os.path.join(options.build, "tools", "mla")
    preload = os.path.join(options.build, "preload", "libmla.so")
    for path in (mla, preload):
        if not os.path.exists(path):
            raise Usage("%s: not there: build it first (tools/dev build), or give --build" % path)
    programs = chosen_programs(options)
    there, missing = chosen_configurations(options)
    if options.list:
        for program in programs:
            print("%-24s %s%s" % (program.name, program.title,
                                  " -- " + program.missing() if program.missing() else ""))
        return 0
    for line in missing:
        print("not run: " + line)
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)
    processes.adopt_orphans()
    zoo = rounds.Zoo(mla, preload, directory, options.keep, options.timeout)
    progress, results = Progress(len(programs)), []
    try:
        for row in rows(zoo, programs, there, progress, options.jobs):
            results.append(row)
            progress.end(row)
    except KeyboardInterrupt:
        print("\nmla: zoo: interrupted: what follows is of what was finished", file=sys.stderr)
        print(tables.text(tables.verdicts(results, there)))
        return 130
    finally:
        processes.kill_all()
    names = [program.name for program in programs]
    results.sort(key=lambda row: names.index(row.program.name))
    for table in (tables.verdicts(results, there), tables.figures(results)):
        print("\n" + tables.text(table))
    line, well = tables.verdict(results)
    print("\n" + "\n".join(tables.not_compared(results) + [line]))
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(document.document(results, there, missing + left_out(programs), line,
                                         version(mla)))
    return 0 if well else 1


def version(mla):
    return subprocess.run([mla, "--version"], stdout=subprocess.PIPE, check=True,
                          universal_newlines=True).stdout.split()[-1]


def interrupt(*_):
    raise KeyboardInterrupt


def main(argv):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    options = parse(argv, root)
    options.build = os.path.abspath(options.build)
    signal.signal(signal.SIGTERM, interrupt)  # what it has started is ended, too
    directory = tempfile.mkdtemp(prefix="mla-zoo-")
    os.chmod(directory, 0o755)  # some programs run as another user
    try:
        return run(options, directory)
    except (Usage, OSError) as error:
        print("mla: zoo: %s" % error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(directory, ignore_errors=True)
