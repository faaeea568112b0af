"""The CPythons of this machine, and tests that run on each of them."""
import glob
import os
import re
import subprocess


def pyenv_pythons():
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    found = sorted(glob.glob(os.path.join(root, "versions", "*", "bin", "python")))
    return [python for python in found if version_of(python) >= (2, 7)]


def version_of(python):
    name = os.path.basename(os.path.dirname(os.path.dirname(python)))
    numbers = re.match(r"(\d+)\.(\d+)", name)
    if numbers:
        return int(numbers.group(1)), int(numbers.group(2))
    text = subprocess.run([python, "-c", "import sys; print(sys.version_info[:2])"],
                          stdout=subprocess.PIPE, universal_newlines=True).stdout
    return tuple(int(number) for number in re.findall(r"\d+", text))


def is_known(version):
    return version == (2, 7) or (3, 7) <= version <= (3, 13)


def has_objects(version):
    """Its small objects can be recorded."""
    return is_known(version) and version >= (3, 7)


def on_each(since=(2, 7), **wanted):
    """A test of one Python becomes one of all of PYTHONS from a version on; known=True, unless said
    otherwise, or has_objects=BOOL: only of those of which that is so."""
    def is_wanted(version):
        if "has_objects" in wanted:
            return has_objects(version) is wanted["has_objects"]
        return is_known(version) is wanted.get("known", True)

    def decorate(test):
        def run(self):
            for python in self.PYTHONS:
                version = version_of(python)
                if version < since or not is_wanted(version):
                    continue
                for name in self.files():
                    os.remove(name)
                with self.subTest(python=python):
                    test(self, python, version)
        run.__name__ = test.__name__
        return run
    return decorate
