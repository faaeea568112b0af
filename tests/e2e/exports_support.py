"""What the tests of exports share: recordings to export, and go tool pprof as the judge."""
import json
import os
import re
import shutil
import subprocess
import tempfile

import harness

GO = shutil.which("go")
NO_GO = "needs go tool pprof: install golang-go"

# Python frames, C called from Python, and a name with a separator in it.
PYTHON_PROGRAM = """
import os
kept = []
def grow(n):
    kept.append(bytearray(n))
def caller():
    for i in range(50):
        grow(100000 + i)
    bytearray(3000000)
names = {"kept": kept}
exec(compile("def odd():\\n kept.append(bytearray(70000))\\n", "a;b c.py", "exec"), names)
names["odd"]()
caller()
os._exit(0)
"""

_directory = tempfile.TemporaryDirectory(prefix="mla-exports-")
_made = {}


def record_python(case, name="exported.py", **variables):
    path = case.path(name)
    with open(path, "w", encoding="utf-8") as out:
        out.write(PYTHON_PROGRAM)
    return recording_of(case, [harness.PYTHON, path], **variables)


def record_inlined(case):
    return recording_of(case, [harness.program("export_inlined")])


def recording_of(case, argv, **variables):
    """Made once for all tests: what runs, runs the same each time."""
    key = (os.path.basename(argv[-1]), tuple(sorted(variables.items())))
    if key not in _made:
        ran = case.recorded(argv, variables=variables)
        case.assertEqual(ran.returncode, 0, ran.stderr)
        new, = case.files()
        _made[key] = os.path.join(_directory.name, "%d.mla" % len(_made))
        shutil.move(new, _made[key])
    return _made[key]


def report(*arguments):
    done = subprocess.run([harness.BIN, "report", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=harness.TIMEOUT)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode())
    return done.stdout


def totals(path):
    """What exports of each value must add up to, by the JSON report."""
    document = json.loads(report("--json", path))
    growth = 0
    begin = document["recording"]["duration_s"] / 4
    for site in document["sites"]:
        points = [point for point in site["history"] if point["t_s"] >= begin]
        if site["kind"] == "heap" and points:
            new = site["first_seen_s"] > begin
            growth += max(0, points[-1]["live_bytes"] - (0 if new else points[0]["live_bytes"]))
    of = document["totals"]
    return {"live": of["live_bytes"], "allocated": of["alloc_bytes"],
            "peak": of["peak_snapshot_bytes"], "growth": growth}


def pprof(profile, *options):
    """What go tool pprof says of a profile, given as bytes."""
    with tempfile.NamedTemporaryFile(suffix=".pb.gz") as file:
        file.write(profile)
        file.flush()
        # Its home: it keeps copies there.
        home = tempfile.mkdtemp(prefix="mla-pprof-")
        try:
            done = subprocess.run(
                [GO, "tool", "pprof", *options, file.name], stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, universal_newlines=True, timeout=harness.TIMEOUT,
                env=dict(os.environ, HOME=home, PPROF_TMPDIR=home))
        finally:
            shutil.rmtree(home, ignore_errors=True)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return done.stdout


def pprof_samples(profile):
    """Types, and the values of every sample, of go tool pprof -raw."""
    lines = pprof(profile, "-raw").splitlines()
    start = lines.index("Samples:") + 1
    types = [name.replace("[dflt]", "") for name in lines[start].split()]
    samples = []
    for line in lines[start + 1:]:
        if line == "Locations":
            break
        match = re.match(r"\s*([-\d ]+): ([\d ]+)$", line)
        if match:
            samples.append(([int(v) for v in match.group(1).split()],
                            [int(v) for v in match.group(2).split()]))
    return types, samples


def pprof_total(profile, sample_type):
    types, samples = pprof_samples(profile)
    at = types.index(sample_type)
    return sum(values[at] for values, _ in samples)
