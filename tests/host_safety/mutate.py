#!/usr/bin/env python3
"""Shows that each protection of a host is tested: removes it, and a test must fail.

The tree is copied, and libmla.so built there with one protection of mutations.py less; then the
test named there runs with that library. Before, it runs with all of libmla.so built in that place:
a test that fails of this as well does not notice anything. Prints a table; exit code 1 if a test
did not notice.

  mutate.py --check BUILD             only that all of it still applies; changes nothing
  mutate.py BUILD [ITEM|WORD...]      those of these items, or with the word in their description
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from mutations import MUTATIONS, WITHOUT

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ITEMS = range(1, 24)
SECONDS = 900


def tests_of(build):
    """Name -> test, of those ctest knows in the build directory."""
    listed = subprocess.run(["ctest", "--show-only=json-v1"], cwd=build, check=True,
                            stdout=subprocess.PIPE).stdout
    return {test["name"]: test for test in json.loads(listed.decode())["tests"]}


def changed(mutation, root):
    """File -> its text with the mutation. ValueError: it does not apply."""
    texts = {}
    for name, old, new in mutation.changes:
        path = os.path.join(root, "preload", name)
        if path not in texts:
            with open(path, encoding="utf-8") as file:
                texts[path] = file.read()
        if texts[path].count(old) != 1:
            raise ValueError("%s: %d times: %s" % (name, texts[path].count(old), old))
        texts[path] = texts[path].replace(old, new)
    return texts


def check(build):
    tests = tests_of(build)
    problems = []
    for mutation in MUTATIONS:
        try:
            changed(mutation, ROOT)
        except ValueError as error:
            problems.append("%d, %s: %s" % (mutation.item, mutation.what, error))
        name, _, method = mutation.test.partition(": ")
        command = tests.get(name, {}).get("command", [])
        if not command:
            problems.append("%s: no such test" % name)
        for script in command if method else []:
            if script.endswith(".py"):
                with open(script, encoding="utf-8") as file:
                    if "def %s(" % method.split(".")[1] not in file.read():
                        problems.append("%s: no such method" % mutation.test)
    covered = {mutation.item for mutation in MUTATIONS} | set(WITHOUT)
    problems += ["nothing of item %d" % item for item in ITEMS if item not in covered]
    for problem in problems:
        print(problem)
    print("%d mutations, %d problems" % (len(MUTATIONS), len(problems)))
    return 1 if problems else 0


def write(texts):
    for path, text in texts.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def build_library(copy):
    done = subprocess.run(["cmake", "--build", copy + "/build", "-j2", "--target", "mla_preload"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise ValueError("does not build:\n" + done.stdout.decode()[-2000:])
    return copy + "/build/preload/libmla.so"


def run_test(test, method, original, library):
    """How the test ended with the library in place of the original."""
    properties = {p["name"]: p["value"] for p in test.get("properties", [])}
    environment = dict(os.environ, MLA_LIBRARY=library)
    for setting in properties.get("ENVIRONMENT", []):
        name, _, value = setting.partition("=")
        environment[name] = value.replace(original, library)
    command = [word.replace(original, library) for word in test["command"]]
    done = None
    try:
        done = subprocess.run(command + ([method] if method else []), env=environment,
                              timeout=SECONDS, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return "fails: hangs"
    if done.returncode not in (0, 77):
        return "fails"
    ran = re.search(rb"Ran (\d+) tests?.*OK \(skipped=\1\)", done.stdout, re.DOTALL)
    return "not run" if done.returncode == 77 or ran else "PASSES"


def controls(mutations, tests, original, library):
    """Test -> how it ended with the unchanged library where those with a mutation will be."""
    results = {}
    for mutation in mutations:
        if mutation.test not in results:
            name, _, method = mutation.test.partition(": ")
            results[mutation.test] = run_test(tests[name], method, original, library)
    return results


def main(arguments):
    if arguments and arguments[0] == "--check":
        return check(os.path.abspath(arguments[1]))
    build = os.path.abspath(arguments[0])
    chosen = [m for m in MUTATIONS if not arguments[1:] or any(
        word == str(m.item) or (not word.isdigit() and word in m.what) for word in arguments[1:])]
    tests = tests_of(build)
    copy = tempfile.mkdtemp(prefix="mla-mutations-")
    passed = 0
    try:
        shutil.copytree(ROOT, copy, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("build", ".git", "node_modules"))
        subprocess.run(["cmake", "-S", copy, "-B", copy + "/build", "-G", "Ninja",
                        "-DCMAKE_BUILD_TYPE=RelWithDebInfo"], check=True,
                       stdout=subprocess.DEVNULL)
        unchanged = controls(chosen, tests, build + "/preload/libmla.so", build_library(copy))
        for mutation in chosen:
            control = unchanged[mutation.test]
            if control != "PASSES":
                passed += control != "not run"
                print("%2d  %-62s %-12s %s" % (
                    mutation.item, mutation.what,
                    "not run" if control == "not run" else "NO CONTROL", "%s: %s unchanged" % (
                        mutation.test, control)), flush=True)
                continue
            texts = changed(mutation, copy)
            whole = {}
            for path in texts:
                with open(path, encoding="utf-8") as file:
                    whole[path] = file.read()
            name, _, method = mutation.test.partition(": ")
            try:
                write(texts)
                result = run_test(tests[name], method, build + "/preload/libmla.so",
                                  build_library(copy))
            except ValueError as error:
                result = "PASSES: " + str(error)
            finally:
                write(whole)
            passed += result.startswith("PASSES")
            print("%2d  %-62s %-12s %s" % (mutation.item, mutation.what, result, mutation.test),
                  flush=True)
    finally:
        shutil.rmtree(copy)
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
