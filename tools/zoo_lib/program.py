"""What a program of the zoo is."""
import shutil

from zoo_lib import host


class Program:
    """Derived classes say what is run and what must be the same in every run.

    - name, title: a word, and what it does.
    - needs: (command, Debian package) it cannot do without.
    - expects: base names of the executables that must have left a recording.
    - repeatable: it makes the same allocations in every run, so that those recorded must be as
      many as are counted without mla.
    - linked: the allocator it brings along, which serves it where none is asked for.
    - killed: base names of executables that die by a signal, as they should, where others than
      the zoo start them.
    - replaced: base names of executables that the zoo starts, and that exec then replaces by a
      program without a recording, so that nobody is left to say how they ended.
    - unwind_check: one stack in so many is compared with libunwind's.
    - user: whom it runs as if this is root.
    - variables: more environment, with mla and without; recording: that of mla.
    - limit: a sentence for the document: what is known not to be recorded, and why.
    """
    name = title = ""
    needs = ()
    expects = ()
    repeatable = False
    linked = "ptmalloc2"
    killed = ()
    replaced = ()
    unwind_check = 11
    user = None
    quick = False
    limit = None

    def __init__(self):
        self.variables = {}
        self.recording = {}

    def missing(self):
        """Why it cannot be run here, or None."""
        packages = [package for command, package in self.needs if not self.which(command)]
        return "not installed: apt install " + " ".join(sorted(set(packages))) if packages else None

    def which(self, command):
        return shutil.which(command, path=host.PATH)

    def prepare(self, shared):
        """Makes inputs, without mla, once."""

    def run(self, run):
        """Runs it on a Host."""
        raise NotImplementedError


class Command(Program):
    """A program that is one command."""

    def __init__(self, name, title, argv, needs, keep="all", repeatable=False, quick=False,
                 expects=None):
        super().__init__()
        self.name = name
        self.title = title
        self.argv = argv
        self.needs = needs
        self.keep = keep
        self.repeatable = repeatable
        self.quick = quick
        self.expects = (argv[0],) if expects is None else expects

    def run(self, run):
        run.run([self.which(self.argv[0])] + self.argv[1:], self.keep)
