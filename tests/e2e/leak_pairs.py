#!/usr/bin/env python3
"""Real leaks of Debian 12 packages, each with a twin that does the same without the leak: the leak
is found at the right function and with the right bytes an iteration, the twin raises no alarm.

Iterations are chosen for 5 to 10 s on an idle machine of 2 cores: the history of call sites starts
at four points a second, and 12 are needed to judge one."""
import json
import shutil
import subprocess
import unittest

import harness


def jq(value):
    return ["jq", "-n", 'range(500000) | (%s | ltrimstr("a") | empty), '
            "(range(20) | tostring | empty)" % value]


def perl(value):
    return ["perl", "-e", "for (1..1500000) { my $a = {}; $a->{self} = %s; "
            "my @work = map { $_ x 3 } 1..20 }" % value]


def c_program(name, iterations):
    return [harness.program("leak_pairs"), name, str(iterations)]


def xml(kind):
    return [harness.program("leak_pairs_xml"), kind, "1000000"]


class LeakPairs(harness.Case):
    def judged(self, command):
        recording = self.path("pair.mla")
        environment = harness.plain_environment()
        environment["MLA_LIBRARY"] = harness.LIB
        self.run_checked([harness.BIN, "run", "--quiet", "-o", recording, "--"] + command,
                         environment)
        done = self.run_program([harness.BIN, "leaks", "--json", recording], environment)
        self.assertEqual(done.stderr, b"")
        return json.loads(done.stdout.decode()), done.returncode

    def run_checked(self, command, environment):
        done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, timeout=harness.TIMEOUT, cwd=self.directory)
        self.assertEqual(done.returncode, 0, done.stderr)

    def assert_leak(self, command, iterations, functions, bytes_each):
        if shutil.which(command[0]) is None:
            self.skipTest("not run: not installed: " + command[0])
        document, exit_code = self.judged(command)
        self.assertEqual((document["verdict"], exit_code), ("leak", 1), document["reason"])
        leaks = [site for site in document["sites"] if site["verdict"] == "leak"]
        first = {frame["function"] for site in leaks[:2] for frame in site["stack"]}
        self.assertTrue(first & functions, first)
        each = sum(site["live_bytes"] for site in leaks) / iterations
        self.assertAlmostEqual(each / bytes_each, 1, delta=0.05)

    def assert_no_alarm(self, command):
        if shutil.which(command[0]) is None:
            self.skipTest("not run: not installed: " + command[0])
        document, exit_code = self.judged(command)
        self.assertNotEqual(document["verdict"], "leak")
        self.assertNotEqual(exit_code, 1)
        self.assertEqual([s for s in document["sites"] if s["verdict"] == "leak"], [])

    # An error message of 52 bytes with its header, and what holds it, of 24.
    def test_jq(self):
        self.assert_leak(jq("."), 500000, {"jv_invalid_with_msg"}, 76)

    def test_jq_twin(self):
        self.assert_no_alarm(jq('"abc"'))

    # "LEAKS=", 33 digits and a NUL, and a tree node of 24.
    def test_setenv(self):
        self.assert_leak(c_program("setenv", 1000000), 1000000, {"set_variable"}, 64)

    def test_setenv_twin(self):
        self.assert_no_alarm(c_program("setenv_same", 1000000))

    # The automaton of this expression, in 15 blocks: glibc 2.36.
    def test_regcomp(self):
        self.assert_leak(c_program("regcomp", 500000), 500000, {"compile_expression"}, 880)

    def test_regcomp_twin(self):
        self.assert_no_alarm(c_program("regcomp_freed", 500000))

    # A hash of 24 and its body of 32, 64 of buckets, an entry of 24, a reference of 24; perl takes
    # all but the buckets 4 KiB at a time.
    def test_perl(self):
        self.assert_leak(perl("$a"), 1500000, {"Perl_pp_anonhash", "Perl_pp_multideref"}, 168)

    def test_perl_twin(self):
        self.assert_no_alarm(perl("1"))

    # An xmlSchemaAnnot: two pointers. malloc takes 32 bytes for it.
    def test_libxml2(self):
        self.assert_leak(xml("annotated"), 1000000, {"xmlSchemaParse"}, 16)

    def test_libxml2_twin(self):
        self.assert_no_alarm(xml("plain"))


if __name__ == "__main__":
    harness.main()
