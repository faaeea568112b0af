"""What a report costs, beside heaptrack_print: tools/bench --reports COMMAND..."""
import os
import shutil
import statistics
import subprocess

# Reports that say the same: everything as text, and all stacks for a flame graph.
PEER_REPORTS = (("heaptrack_print", ("heaptrack_print", "{recording}")),
                ("heaptrack_print -F", ("heaptrack_print", "-F", os.devnull, "{recording}")))
OWN_REPORTS = (("mla report", ()), ("mla report --folded", ("--folded", "--value", "allocated")),
               ("mla report --by function", ("--by", "function", "--sort", "allocated")),
               ("mla report --json", ("--json",)), ("mla report --html", ("--html", os.devnull)))


def cost_of(command):
    """CPU seconds and peak memory in MiB of one run; its output goes nowhere."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def record(build, directory, program):
    """The commands of all reports, by name, on recordings of one program each."""
    mla = os.path.join(build, "tools", "mla")
    own = os.path.join(directory, "reports.mla")
    environment = dict(os.environ, MLA_LIBRARY=os.path.join(build, "preload", "libmla.so"))
    subprocess.run([mla, "run", "-o", own, "--", *program], env=environment, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    commands = {name: [mla, "report", *options, own] for name, options in OWN_REPORTS}
    if shutil.which("heaptrack") is not None:
        peer = os.path.join(directory, "heaptrack")
        subprocess.run(["heaptrack", "-o", peer, *program], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = next(os.path.join(directory, name) for name in os.listdir(directory)
                     if name.startswith("heaptrack."))
        for name, command in PEER_REPORTS:
            commands[name] = [word.format(recording=found) for word in command]
    return commands


def measure(build, directory, program, rounds):
    """Prints the median of CPU time and of memory over rounds in which all take turns."""
    commands = record(build, directory, program)
    costs = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            costs[name].append(cost_of(command))
    print("%-26s %8s %10s" % ("", "CPU", "memory"))
    for name, values in costs.items():
        print("%-26s %6.2f s %6.0f MiB" % (name, statistics.median(v[0] for v in values),
                                           statistics.median(v[1] for v in values)))
    if len(commands) == len(OWN_REPORTS):
        print("heaptrack is not installed: nothing to compare with")
