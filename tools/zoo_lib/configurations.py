"""What a program is run under: nothing, or mla over an allocator in a mode."""
import glob
import os

# Of each allocator the library, and the Debian package that has it.
ALLOCATORS = {
    "ptmalloc2": (None, None),
    "jemalloc": ("libjemalloc.so.2", "libjemalloc2"),
    "tcmalloc": ("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
    "mimalloc": ("libmimalloc.so.2", "libmimalloc2.0"),
}
# Denser than the usual 512K: runs are short, and samples are what can go wrong.
MODES = {"exact": {}, "sampled": {"MLA_SAMPLE": "64K"}}


class Configuration:
    """mla over one allocator in one mode. library: the allocator's path; None for ptmalloc2."""

    def __init__(self, allocator, mode, library):
        self.allocator = allocator
        self.mode = mode
        self.library = library
        self.name = "%s, %s" % (allocator, mode)

    def environment(self, preload, recordings, unwind_check):
        values = {"LD_PRELOAD": preload, "MLA_DIR": recordings,
                  "MLA_UNWIND_CHECK": str(unwind_check)}
        if self.library:
            values["MLA_ALLOCATOR"] = self.allocator
        values.update(MODES[self.mode])
        return values

    def allocator_alone(self):
        return {"LD_PRELOAD": self.library} if self.library else {}


def find_library(name):
    for pattern in ("/usr/local/lib/", "/usr/lib/*-linux-gnu/", "/usr/lib64/", "/usr/lib/"):
        found = sorted(glob.glob(os.path.join(pattern, name)))
        if found:
            return found[0]
    return None


def all_configurations(allocators, modes):
    """Those that can be run, by allocator; and a line about each allocator that is missing."""
    there, missing = [], []
    for allocator in allocators:
        name, package = ALLOCATORS[allocator]
        library = find_library(name) if name else None
        if name and not library:
            missing.append("%s: not installed: apt install %s" % (allocator, package))
            continue
        there += [Configuration(allocator, mode, library) for mode in modes]
    return there, missing
