"""mla analyse: the founding tool's words, CSV and JSON."""
import csv
import io
import json
import os
import random
import tempfile
import unittest

from cli_support import CommandLineTest, mla

SCENES = os.path.join(os.path.dirname(__file__), "../data/scenes.json")


def slope(values):
    """An independent least-squares slope."""
    n = len(values)
    x_mean, y_mean = (n - 1) / 2, sum(values) / n
    return (sum((x - x_mean) * (y - y_mean) for x, y in enumerate(values))
            / sum((x - x_mean) ** 2 for x in range(n)))


def overshoot(values, k):
    m = len(values) // k
    first, last = sum(values[:m]) / m, sum(values[-m:]) / m
    return (last - first) / first


def expected(values):
    over_4, over_8, peak = overshoot(values, 4), overshoot(values, 8), slope(values)
    over = over_4 > 0.15 or over_8 > 0.15
    return (f"[Number of test data]: {len(values)} [Peak Value]: {round(peak, 4)} "
            f"[if_overshoot]: {over} -- 4 {round(over_4, 6)} -- 8 {round(over_8, 6)}\n"
            f"[if_notify_wechat]: {over or peak > 0.0285}\n")


class Analyse(CommandLineTest):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def series(self, name, values, header=None):
        path = os.path.join(self.directory.name, name)
        with open(path, "w", encoding="ascii") as out:
            if header:
                out.write(header + "\n")
                out.writelines(f"{10 * i},{v}\n" for i, v in enumerate(values))
            else:
                out.writelines(f"{v}\n" for v in values)
        return path

    def scene(self, number):
        with open(SCENES, encoding="utf-8") as source:
            return next(s for s in json.load(source)["scenes"] if s["scene"] == number)["series"]

    def test_founding_words(self):
        for number in (4, 5):
            values = self.scene(number)
            path = self.series(f"{number}.csv", values)
            done = mla("analyse", "--rule", "founding", "--invalid-count", "50", path)
            self.assertEqual((done.stdout, done.stderr), (expected(values), ""))
            self.assertEqual(done.returncode, 0)

    def test_numbers_print_as_python_prints_them(self):
        generator = random.Random(7)
        for scale in (1e-5, 1, 1e6, 1e15, 1e20):
            values = [scale * (1 + generator.random()) for _ in range(300)]
            path = self.series("random.csv", values)
            self.assertEqual(mla("analyse", path).stdout, expected(values))

    def test_too_few_samples(self):
        done = mla("analyse", self.series("s.csv", self.scene(5)))
        self.assertIn("[if_notify_wechat]: False\n[invalid]: 104 samples", done.stdout)

    def test_thresholds_and_unit(self):
        values = [1e9 + 1024 * i for i in range(300)]
        path = self.series("s.csv", values, "t_s,rss_bytes")
        notify = "[if_notify_wechat]: True"
        self.assertIn(notify, mla("analyse", path).stdout)
        self.assertNotIn(notify, mla("analyse", "--peak", "1025", path).stdout)
        self.assertNotIn(notify, mla("analyse", "--unit", "MiB", path).stdout)
        self.assertIn("[Peak Value]: 1.0 ", mla("analyse", "--unit", "KiB", path).stdout)
        self.assertIn(notify, mla("analyse", "--unit", "MiB", "--overshoot", "1e-6", path).stdout)

    def test_previous(self):
        today = self.series("today.csv", [125] * 300)
        yesterday = self.series("yesterday.csv", [100] * 300)
        done = mla("analyse", "--previous", yesterday, today)
        self.assertTrue(done.stdout.endswith(
            "[if_notify_wechat]: True\n[excess]: 0.25 [if_excess]: True\n"), done.stdout)
        done = mla("analyse", "--previous", yesterday, "--excess", "0.25", today)
        self.assertIn("[if_notify_wechat]: False", done.stdout)

    def test_csv(self):
        leak = self.series("leak.csv", range(300, 900), "t_s,rss_bytes")
        flat = self.series("a,b.csv", [5] * 300)
        short = self.series("short.csv", [5, 6, 7])
        done = mla("analyse", "--csv", leak, flat, short)
        rows = list(csv.reader(io.StringIO(done.stdout)))
        self.assertEqual(rows, [["id", "verdict", "prob", "rate_Bps"],
                                ["leak", "leak", "1", "0.1"], ["a,b", "stable", "0", "0.0"],
                                ["short", "insufficient", "nan", "1.0"]])

    def test_json(self):
        leak = self.series("leak.csv", range(300, 900), "t_s,rss_bytes")
        short = self.series("short.csv", [5, 6])
        document = json.loads(mla("analyse", "--json", leak, short).stdout)
        self.assertEqual(document["schema"], {"name": "mla-analyse", "version": 1})
        self.assertEqual(document["thresholds"]["invalid_count"], 300)
        first, second = document["series"]
        self.assertEqual((first["verdict"], first["notify"], first["count"]), ("leak", True, 600))
        self.assertAlmostEqual(first["rate_Bps"], 0.1)
        self.assertEqual((second["verdict"], second["overshoot_8"]), ("insufficient", None))

    def test_standard_input(self):
        done = mla("analyse", "--csv", "-", stdin=None, input="1\n2\n3\n")
        self.assertIn("\n-,insufficient,nan,1.0\n", done.stdout)

    def test_bad_line_is_named(self):
        path = self.series("bad.csv", [1, 2, "x"])
        self.assert_one_line_error(mla("analyse", path), f"{path}:3: 'x' is not a number")


if __name__ == "__main__":
    unittest.main()
