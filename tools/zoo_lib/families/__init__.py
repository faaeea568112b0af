"""The programs of the zoo, by kind."""
from zoo_lib.families import (browsers, compilers, databases, debuggers, git, media, pythons,
                              scripts, servers, virtual_machines)

FAMILIES = (pythons, scripts, databases, servers, git, compilers, debuggers, virtual_machines,
            media, browsers)


def all_programs():
    return [program for family in FAMILIES for program in family.programs()]
