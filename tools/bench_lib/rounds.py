"""All runs: every configuration once a round, in an order that is shuffled anew."""
import random
import sys
import time

from bench_lib import inputs, measure


class Cell:
    """What is known of one workload under one configuration: round -> measure.Run."""

    def __init__(self):
        self.runs = {}
        self.stopped_s = None  # it was stopped after so long, and not tried again
        self.failure = None
        self.left_out = None  # why it is not tried; no failure

    def over(self):
        return any(x is not None for x in (self.stopped_s, self.failure, self.left_out))


class Progress:
    """One line on a terminal: what is under way, and about how long it will take."""

    def __init__(self, workloads, configurations, rounds):
        self.on = sys.stderr.isatty()
        self.left = [(w.name, c.name) for w in workloads for c in configurations
                     for _ in range(rounds)]
        self.seconds = {}

    def expected(self, pair):
        known = self.seconds.get(pair)
        if known is None:
            known = max(self.seconds.values()) if self.seconds else 0
        return known

    def begin(self, number, rounds, workload, configuration):
        if not self.on:
            return
        left = sum(self.expected(pair) for pair in self.left)
        print("\r\033[Kround %d of %d: %s, %s; about %d:%02d left" % (
            number + 1, rounds, workload.title, configuration.title, left // 60, left % 60),
            end="", file=sys.stderr, flush=True)

    def end(self, workload, configuration, seconds):
        self.seconds[(workload.name, configuration.name)] = seconds
        self.left.remove((workload.name, configuration.name))

    def close(self):
        if self.on:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def run_all(workloads, configurations, rounds, timeout):
    """(workload, configuration) -> Cell, and whether it was interrupted."""
    cells = {(w.name, c.name): Cell() for w in workloads for c in configurations}
    progress = Progress(workloads, configurations, rounds)
    try:
        for number in range(rounds):
            rng = random.Random(inputs.SEED + number)
            for workload in workloads:
                order = list(configurations)
                rng.shuffle(order)
                for configuration in order:
                    cell = cells[workload.name, configuration.name]
                    progress.begin(number, rounds, workload, configuration)
                    start = time.monotonic()
                    if not cell.over():
                        run_one(cell, number, workload, configuration, timeout)
                    progress.end(workload, configuration, time.monotonic() - start)
    except KeyboardInterrupt:
        return cells, True
    finally:
        progress.close()
    return cells, False


def run_one(cell, number, workload, configuration, timeout):
    try:
        cell.runs[number] = workload.run(configuration, timeout)
    except measure.Stopped:
        cell.stopped_s = timeout
    except measure.NotPossible as reason:
        cell.left_out = str(reason)
    except (measure.Failed, OSError) as failure:
        cell.failure = str(failure) or type(failure).__name__
