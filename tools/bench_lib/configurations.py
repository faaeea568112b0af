"""What a program is run under: nothing, mla, or a peer."""
import glob
import os
import re
import shutil
import subprocess

BASELINE = "none"


class Configuration:
    """One way to run a program.

    environment(directory): variables that switch it on and send its output to `directory`.
    command(directory): what stands before the program's own command; it prints lines of its own, so
    that what the program prints is not compared, and a server cannot be signalled through it.
    missing: why it cannot be measured here, None if it can.
    """

    def __init__(self, name, title, library=None, variables=None, package=None, wrapper=()):
        self.name = name
        self.title = title
        self.library = library
        self.variables = variables or {}
        self.wrapper = wrapper
        self.missing = None
        self.version = None
        if package:
            self.version = package_version(package)
            if not library and not (wrapper and shutil.which(wrapper[0])):
                self.missing = "not installed (Debian package %s)" % package

    def command(self, directory):
        return [word.replace("{directory}", directory) for word in self.wrapper]

    def environment(self, directory):
        values = {key: value.replace("{directory}", directory)
                  for key, value in self.variables.items()}
        if self.library:
            values["LD_PRELOAD"] = self.library
        return values


def package_version(package):
    try:
        return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              universal_newlines=True).stdout or None
    except (OSError, subprocess.CalledProcessError):
        return None


def find_library(*patterns):
    for pattern in patterns:
        for folder in ("/usr/lib/*-linux-gnu", "/usr/lib", "/usr/local/lib"):
            found = sorted(glob.glob(os.path.join(folder, pattern)))
            if found:
                return found[0]
    return None


def mla_version(build):
    try:
        text = subprocess.run([os.path.join(build, "tools", "mla"), "--version"], check=True,
                              stdout=subprocess.PIPE, universal_newlines=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    match = re.search(r"\d+\.\d+\.\d+", text)
    return match and match.group(0)


def has_profiling(jemalloc):
    """Whether this jemalloc was built with --enable-prof. If not, it says so when asked to."""
    result = subprocess.run(["sort", "/dev/null"], stderr=subprocess.PIPE, universal_newlines=True,
                            env=dict(os.environ, LD_PRELOAD=jemalloc,
                                     MALLOC_CONF="prof:true,prof_final:false"))
    return "Invalid conf pair: prof" not in result.stderr


def all_configurations(build):
    """The baseline first."""
    preload = os.path.join(build, "preload", "libmla.so")
    exact = Configuration("mla-exact", "mla, exact", preload, {"MLA_DIR": "{directory}"})
    sampled = Configuration("mla-sampled", "mla, sampled 512K", preload,
                            {"MLA_DIR": "{directory}", "MLA_SAMPLE": "512K"})
    budget = Configuration("mla-budget", "mla, budget 1 %", preload,
                           {"MLA_DIR": "{directory}", "MLA_BUDGET": "1%"})
    for configuration in (exact, sampled, budget):
        configuration.version = mla_version(build)
        if not os.path.exists(preload):
            configuration.missing = "%s is not there: build it first (tools/dev build)" % preload
    # As its users run it: the command also interprets and compresses the events while the program
    # runs. And its library alone, writing raw events to a file: the least that it can cost.
    heaptrack = Configuration("heaptrack", "heaptrack", package="heaptrack",
                              wrapper=("heaptrack", "-o", "{directory}/heaptrack"))
    raw = Configuration("heaptrack-raw", "heaptrack, library alone", find_library(
        "heaptrack/libheaptrack_preload.so"), {
            "DUMP_HEAPTRACK_OUTPUT": "{directory}/heaptrack.raw"}, "heaptrack")
    jemalloc = Configuration("jemalloc-prof", "jemalloc, prof", find_library("libjemalloc.so.2"), {
        "MALLOC_CONF": "prof:true,prof_final:true,prof_prefix:{directory}/jeprof"}, "libjemalloc2")
    if not jemalloc.missing and not has_profiling(jemalloc.library):
        jemalloc.missing = "%s was built without --enable-prof" % jemalloc.library
    gperftools = Configuration("gperftools", "gperftools, HEAPPROFILE", find_library(
        "libtcmalloc.so.4"), {"HEAPPROFILE": "{directory}/gperftools"}, "libgoogle-perftools4")
    return [Configuration(BASELINE, "none"), exact, sampled, budget, heaptrack, raw, jemalloc,
            gperftools]
