"""tools/zoo: real programs under mla do what they do without it.

Standard library only, Python 3.8 or newer.

command         options, and the order of things
configurations  without mla, and mla by allocator and mode
program         what a program of the zoo is, and what is known of a run of it
families/       the programs, a file for each kind (programs/: what they are given to run)
host            one run: its directory, environment, processes and deadline
processes       process trees: who descends from this run, where it hangs, how it is ended
recordings      what the recordings of one run say, and whether they are complete
counting        the same allocations, counted without mla
rounds          all runs, and what is wrong with each
tables          from results to text and Markdown
document        docs/zoo.md
"""
