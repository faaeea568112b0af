"""From paired runs to a ratio with an interval."""
import random
import statistics

RESAMPLES = 10000
CONFIDENCE = 0.95


class Ratio:
    """The median of the rounds' ratios, and its 95 % bootstrap interval (None: of one round)."""

    def __init__(self, median, low, high):
        self.median = median
        self.low = low
        self.high = high


def median_interval(values):
    if len(values) < 2:
        return None, None
    rng = random.Random(len(values))
    medians = sorted(statistics.median(rng.choices(values, k=len(values)))
                     for _ in range(RESAMPLES))
    tail = (1 - CONFIDENCE) / 2
    return medians[int(tail * RESAMPLES)], medians[int((1 - tail) * RESAMPLES) - 1]


def paired_ratio(values, baselines):
    """Of runs of the same rounds. Paired, so that a machine slow for a round slows down both."""
    ratios = [value / baseline for value, baseline in zip(values, baselines)]
    low, high = median_interval(ratios)
    return Ratio(statistics.median(ratios), low, high)
