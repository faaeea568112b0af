"""mla analyse: the verdict, and the founding tool's words, CSV and JSON."""
import csv
import io
import json
import os
import random
import tempfile
import unittest

from cli_support import CommandLineTest, environment, mla

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


def founding(*arguments, **options):
    return mla("analyse", "--rule", "founding", *arguments, **options)


class SeriesTest(CommandLineTest):
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


class Founding(SeriesTest):
    def scene(self, number):
        with open(SCENES, encoding="utf-8") as source:
            return next(s for s in json.load(source)["scenes"] if s["scene"] == number)["series"]

    def test_founding_words(self):
        for number in (4, 5):
            values = self.scene(number)
            path = self.series(f"{number}.csv", values)
            done = founding("--invalid-count", "50", path)
            self.assertEqual((done.stdout, done.stderr), (expected(values), ""))
            self.assertEqual(done.returncode, 0)

    def test_numbers_print_as_python_prints_them(self):
        generator = random.Random(7)
        for scale in (1e-5, 1, 1e6, 1e15, 1e20):
            values = [scale * (1 + generator.random()) for _ in range(300)]
            path = self.series("random.csv", values)
            self.assertEqual(founding(path).stdout, expected(values))

    def test_too_few_samples(self):
        done = founding(self.series("s.csv", self.scene(5)))
        self.assertIn("[if_notify_wechat]: False\n[invalid]: 104 samples", done.stdout)

    def test_thresholds_and_unit(self):
        values = [1e9 + 1024 * i for i in range(300)]
        path = self.series("s.csv", values, "t_s,rss_bytes")
        notify = "[if_notify_wechat]: True"
        self.assertIn(notify, founding(path).stdout)
        self.assertNotIn(notify, founding("--peak", "1025", path).stdout)
        self.assertNotIn(notify, founding("--unit", "MiB", path).stdout)
        self.assertIn("[Peak Value]: 1.0 ", founding("--unit", "KiB", path).stdout)
        self.assertIn(notify, founding("--unit", "MiB", "--overshoot", "1e-6", path).stdout)

    def test_previous(self):
        today = self.series("today.csv", [125] * 300)
        yesterday = self.series("yesterday.csv", [100] * 300)
        done = founding("--previous", yesterday, today)
        self.assertTrue(done.stdout.endswith(
            "[if_notify_wechat]: True\n[excess]: 0.25 [if_excess]: True\n"), done.stdout)
        done = founding("--previous", yesterday, "--excess", "0.25", today)
        self.assertIn("[if_notify_wechat]: False", done.stdout)

    def test_csv(self):
        leak = self.series("leak.csv", range(300, 900), "t_s,rss_bytes")
        flat = self.series("a,b.csv", [5] * 300)
        short = self.series("short.csv", [5, 6, 7])
        done = founding("--csv", leak, flat, short)
        rows = list(csv.reader(io.StringIO(done.stdout)))
        self.assertEqual(rows, [["id", "verdict", "prob", "rate_Bps"],
                                ["leak", "leak", "1", "0.1"], ["a,b", "stable", "0", "0.0"],
                                ["short", "insufficient", "nan", "1.0"]])

    def test_json(self):
        leak = self.series("leak.csv", range(300, 900), "t_s,rss_bytes")
        short = self.series("short.csv", [5, 6])
        document = json.loads(founding("--json", leak, short).stdout)
        self.assertEqual(document["schema"], {"name": "mla-analyse", "version": 1})
        self.assertEqual(document["thresholds"]["invalid_count"], 300)
        first, second = document["series"]
        self.assertEqual((first["verdict"], first["notify"], first["count"]), ("leak", True, 600))
        self.assertAlmostEqual(first["rate_Bps"], 0.1)
        self.assertEqual((second["verdict"], second["overshoot_8"]), ("insufficient", None))

    def test_standard_input(self):
        done = founding("--csv", "-", stdin=None, input="1\n2\n3\n")
        self.assertIn("\n-,insufficient,nan,1.0\n", done.stdout)

    def test_bad_line_is_named(self):
        path = self.series("bad.csv", [1, 2, "x"])
        self.assert_one_line_error(founding(path), f"{path}:3: 'x' is not a number")


class Verdict(SeriesTest):
    def noisy(self, name, level):
        """400 samples, 10 s apart."""
        generator = random.Random(5)
        return self.series(name, [int(level(10 * i) + generator.gauss(0, 1e6)) for i in range(400)],
                           "t_s,rss_bytes")

    def leak(self):
        return self.noisy("leak.csv", lambda t: 2e8 + 1e7 * t / 3600)

    def flat(self):
        return self.noisy("flat.csv", lambda t: 2e8)

    def test_words(self):
        done = mla("analyse", self.leak())
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^leak, 9\.\d MiB/h: it grows, and still does\n")
        self.assertRegex(done.stdout, r"95 % interval 9\.\d MiB/h to \d+\.\d MiB/h")
        done = mla("analyse", self.flat())
        self.assertRegex(done.stdout, r"^stable, no leak above \d+\.\d KiB/h: ")
        done = mla("analyse", self.series("short.csv", [5e6] * 6, "t_s,rss_bytes"))
        self.assertRegex(done.stdout, r"^insufficient: fewer than 12 samples; run 1 min 0 s more\n")
        self.assertNotIn("rate", done.stdout)

    def test_several_files_are_named(self):
        leak, flat = self.leak(), self.flat()
        lines = mla("analyse", leak, flat).stdout.splitlines()
        self.assertTrue(lines[0].startswith(leak + ": leak"), lines)
        self.assertEqual(sum(line.startswith(flat + ": stable") for line in lines), 1)

    def test_csv(self):
        done = mla("analyse", "--csv", self.leak(), self.flat())
        header, leak, flat = csv.reader(io.StringIO(done.stdout))
        self.assertEqual(header, ["id", "verdict", "prob", "rate_Bps"])
        self.assertEqual((leak[0], leak[1], flat[0], flat[1]), ("leak", "leak", "flat", "stable"))
        self.assertAlmostEqual(float(leak[3]), 1e7 / 3600, delta=300)
        self.assertGreater(float(leak[2]), 0.9)
        self.assertLess(float(flat[2]), 0.1)

    def test_json(self):
        document = json.loads(mla("analyse", "--json", self.leak(), self.flat()).stdout)
        self.assertEqual(document["schema"], {"name": "mla-analyse", "version": 2})
        leak, flat = document["series"]
        rate = leak["rate_bytes_per_hour"]
        self.assertTrue(rate["low"] < rate["value"] < rate["high"], rate)
        self.assertTrue(rate["low"] < 1e7 < rate["high"], rate)
        self.assertLess(leak["detectable_bytes_per_hour"], rate["value"])
        self.assertEqual((leak["model"], leak["cycles"], leak["samples"]), ("linear", 0, 400))
        self.assertTrue(100 < leak["n_eff"] <= 400)
        self.assertEqual(flat["verdict"], "stable")

    def test_retention_needs_live_bytes(self):
        generator = random.Random(6)
        path = os.path.join(self.directory.name, "kept.csv")
        with open(path, "w", encoding="ascii") as out:
            out.write("t_s,rss_bytes,live_bytes\n")
            out.writelines(f"{i},{10**8 + 10**5 * i},{int(9e7 + generator.gauss(0, 1e5))}\n"
                           for i in range(300))
        self.assertIn("\nkept,retention,", mla("analyse", "--csv", path).stdout)

    def test_without_times(self):
        path = self.series("numbers.csv", [100 + i + i % 3 for i in range(200)])
        self.assertIn("leak, 1 B/sample: ", mla("analyse", path).stdout)
        entry = json.loads(mla("analyse", "--json", path).stdout)["series"][0]
        self.assertIsNone(entry["rate_bytes_per_hour"])

    def test_chart(self):
        path = self.leak()
        self.assertNotIn("*", mla("analyse", path).stdout)
        plain = mla("analyse", "--chart", path, env=environment(LC_ALL="C")).stdout
        self.assertIn("*", plain)
        self.assertTrue(plain.isascii())
        braille = mla("analyse", "--chart", path, env=environment(LC_ALL="C.UTF-8")).stdout
        self.assertRegex(braille, "[\u2801-\u28ff]")

    def test_thresholds_belong_to_the_founding_rule(self):
        path = self.flat()
        for option, value in (("--peak", "1"), ("--unit", "MiB"), ("--previous", path),
                              ("--invalid-count", "5"), ("--excess", "1")):
            self.assert_one_line_error(mla("analyse", option, value, path), option,
                                       "--rule founding")
        self.assert_one_line_error(founding("--chart", path), "--chart")

    def test_times_that_do_not_increase(self):
        path = os.path.join(self.directory.name, "twice.csv")
        with open(path, "w", encoding="ascii") as out:
            out.write("t_s,rss_bytes\n1,5\n2,5\n2,6\n")
        self.assert_one_line_error(mla("analyse", path), path, "sample 3 has the time of the last")
        done = mla("analyse", "--csv", path, self.flat())  # the others are judged all the same
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (2, 2), done.stdout)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertIn(path + ": sample 3", done.stderr)


if __name__ == "__main__":
    unittest.main()
