#!/usr/bin/env python3
"""What tools/soak calls wrong. Argument: the source tree."""
import argparse
import http.server
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import threading
import unittest

MIB = 1 << 20


def moments(count=6, **changes):
    """Moments of a run in which all is well, but for what the last one is made to say."""
    well = {"descriptors": 7, "allocated": 60 * MIB, "difference": 40000, "own": 10 * MIB, "se": 0,
            "live_map": 20 * MIB, "peak": 110 * MIB, "rss": 100 * MIB, "lost": 0,
            "live": 60 * MIB, "blocks": 11000, "allocations": 10000000, "interval": None}
    all_moments = [dict(well, s=300.0 * (i + 1)) for i in range(count)]
    all_moments[-1].update(changes)
    return all_moments


def always(**changes):
    return [dict(moment, **changes) for moment in moments()]


def sampled(**changes):
    return [dict(moment, interval=65536, **changes) for moment in moments()]


def own(*kib):
    """A run in which own memory is so many KiB more than at first."""
    return [dict(moment, s=60.0 * (i + 1), own=10 * MIB + 1024 * more)
            for i, (moment, more) in enumerate(zip(moments(len(kib)), kib))]


class Soak(unittest.TestCase):
    def wrong(self, moments_, mode="exact", seconds=1800, python="frames"):
        return soak.judge(moments_, mode, python, seconds)

    def assert_wrong(self, pattern, *arguments, **options):
        found = self.wrong(*arguments, **options)
        self.assertTrue(found)
        for sentence in found:
            self.assertRegex(sentence, pattern)

    def test_a_good_run(self):
        self.assertEqual(self.wrong(moments()), [])
        self.assertEqual(self.wrong(moments(3)), [])
        self.assertEqual(self.wrong(moments(difference=40000 + 300 * 1024)), [])
        # What is found out before the server has its size is no drift.
        self.assertEqual(self.wrong([dict(moments()[0], difference=450000)] + moments()), [])
        self.assertEqual(self.wrong(always(difference=220000), python="objects"), [])

    def test_too_few_looks(self):
        for count in range(3):
            few = moments(count) if count else []
            self.assert_wrong("there were %d looks" % count, few)

    def test_drift(self):
        for difference in (40000 + 400 * 1024, 40000 - 400 * 1024):
            self.assert_wrong("live bytes are off", moments(difference=difference))

    def test_what_is_always_off(self):
        for difference in (20 * MIB, -20 * MIB, MIB, -MIB):
            self.assert_wrong("rounding explains", always(difference=difference))
        for difference in (20 * MIB, -20 * MIB, -MIB):
            self.assert_wrong("rounding explains", always(difference=difference),
                              python="objects")
        self.assert_wrong("rounding explains", [dict(moments()[0], difference=9 * MIB)] + moments())

    def test_sampled_runs_are_as_good_as_they_say(self):
        self.assertEqual(self.wrong(sampled(se=MIB, difference=-3 * MIB), "sampled"), [])
        self.assert_wrong("live bytes are off", sampled(se=MIB, difference=-4 * MIB), "sampled")
        self.assert_wrong("the standard error", sampled(se=20 * MIB, difference=20 * MIB),
                          "sampled")

    def test_lost_events(self):
        self.assert_wrong("1 events of 10000000 are lost", moments(lost=1))
        self.assert_wrong("1000000 events", always(lost=1000000))
        self.assertEqual(self.wrong(sampled(lost=10000), "sampled"), [])
        self.assert_wrong("10001 events", sampled(lost=10001), "sampled")

    def test_descriptors(self):
        self.assert_wrong("8 descriptors are open", moments(descriptors=8))
        self.assert_wrong("9 descriptors are open", always(descriptors=9))
        between = always(descriptors=100)
        between[1]["descriptors"] = between[-1]["descriptors"] = 7
        self.assertEqual(len(self.wrong(between)), 4)

    def test_own_memory(self):
        # A chunk more is not growth.
        self.assertEqual(self.wrong(moments(own=10 * MIB + (256 << 10))), [])
        grown = moments(own=10 * MIB + (512 << 10))
        self.assertRegex(self.wrong(grown)[0], "own memory grew by 512 KiB")
        self.assertEqual(self.wrong(grown, seconds=60), [])

    def test_own_memory_that_grows_all_the_time(self):
        # 30 KiB a minute, taken at once and taken in chunks.
        self.assert_wrong("own memory", own(*range(0, 30 * 30, 30)))
        self.assert_wrong("own memory", own(*range(0, 30 * 10, 30)), seconds=600)
        chunks = [minute * 30 // 256 * 256 for minute in range(60)]
        self.assert_wrong("own memory", own(*chunks), seconds=3600)
        # One chunk, wherever it is taken.
        for taken in range(30):
            self.assertEqual(self.wrong(own(*[256 * (i >= taken) for i in range(30)])), [])

    def test_live_map(self):
        self.assert_wrong("the live map has 35", moments(live_map=26 * MIB))
        self.assert_wrong("the live map has inf", moments(peak=10 * MIB))

    def test_resident_memory(self):
        self.assert_wrong("3000 MiB are resident", moments(rss=3000 * MIB))
        self.assert_wrong("3000 MiB are resident, 90 are accounted", always(rss=3000 * MIB))
        self.assert_wrong("160 MiB are resident, at the second", moments(rss=160 * MIB))


class Wrong(http.server.BaseHTTPRequestHandler):
    """Answers every request with something else."""

    def do_POST(self):
        self.send_response(500)
        self.end_headers()
        self.wfile.write(b'"out of order"')

    def log_message(self, *_):
        pass


class Answers(unittest.TestCase):
    def test_wrong_answers_are_said(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Wrong)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        process = subprocess.Popen(["sleep", "1000"])
        try:
            options = argparse.Namespace(mode="exact", python="frames", seconds=1)
            run = soak.Soak(options, process, server.server_address[1], "")
            run.run()
            wrong = run.end()
        finally:
            process.kill()
            process.wait()
            server.shutdown()
            thread.join()
            server.server_close()
        self.assertEqual(len(wrong), 3, wrong)
        self.assertRegex(wrong[0], "answers were wrong, the first: answer 500: out of order")
        self.assertRegex(wrong[1], "the server ended with -15")
        self.assertRegex(wrong[2], "there were 0 looks")


if __name__ == "__main__":
    path = os.path.join(sys.argv.pop(1), "tools", "soak")
    soak = importlib.util.module_from_spec(importlib.util.spec_from_loader(
        "soak", importlib.machinery.SourceFileLoader("soak", path)))
    soak.__loader__.exec_module(soak)
    unittest.main()
