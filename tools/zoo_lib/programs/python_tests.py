"""Runs parts of CPython's own test suite in this process: python_tests.py NAME...
A name is a module, or one with a class.

Prints one line for each test, its outcome, sorted: durations and messages differ from run to run.
What tests print themselves goes nowhere; tracebacks go to the file `tracebacks`. Python 2.7 or 3.
"""
import importlib
import os
import sys
import unittest

try:
    from test import support
except ImportError:
    from test import test_support as support


# Left out. It calls itself without end until an interrupt comes, and misses that at times.
ENDLESS = ("test_print_exception_gh_102056",)


class Outcomes(unittest.TestResult):
    def __init__(self, tracebacks):
        unittest.TestResult.__init__(self)
        self.lines = []
        self.tracebacks = tracebacks

    def note(self, test, word, error=None):
        self.lines.append("%s: %s" % (test.id(), word))
        if error:
            self.tracebacks.write("%s\n%s\n" % (test.id(), self._exc_info_to_string(error, test)))
            self.tracebacks.flush()

    def addSuccess(self, test):
        self.note(test, "ok")

    def addError(self, test, err):
        self.note(test, "error", err)

    def addFailure(self, test, err):
        self.note(test, "failure", err)

    def addSkip(self, test, reason):
        self.note(test, "skipped")

    def addExpectedFailure(self, test, err):
        self.note(test, "expected failure")

    def addUnexpectedSuccess(self, test):
        self.note(test, "unexpected success")


def single_tests(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            for single in single_tests(test):
                yield single
        elif not test.id().endswith(ENDLESS):
            yield test


def main():
    support.use_resources = []
    printed = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    suite = unittest.TestSuite()
    for name in sys.argv[1:]:
        try:
            importlib.import_module(".".join(name.split(".")[:2]))
        except (ImportError, unittest.SkipTest):
            continue  # not in this version, or not in this build
        suite.addTests(single_tests(unittest.defaultTestLoader.loadTestsFromName(name)))
    with open("tracebacks", "w") as tracebacks:
        outcomes = Outcomes(tracebacks)
        suite.run(outcomes)
    printed.write("\n".join(sorted(outcomes.lines)) + "\n%d tests\n" % len(outcomes.lines))
    printed.close()


if __name__ == "__main__":
    main()
