"""What the comments of the golden programs say their call sites do.

  // SITE name ATTRIBUTES      at the end of the line that allocates
  // EXPECT name ATTRIBUTES    on a line of its own: more attributes of that site
  // STACK name KIND FUNCTION[@other][ in LIBRARY]
                               frames of every stack of the site, leaf first, one a line; the
                               frame's line is that of the site `other`; it is in the program

Attributes, of one thread:
  size=N allocs=N freed=N      so many blocks of N bytes, so many of them freed again
  bytes=N live=N live_bytes=N  all bytes allocated, what is alive: where that does not tell
  once                         not by every thread
  map                          an anonymous mapping; else heap
  outer                        the figures are those of all sites called from this line
  interrupted                  of the events, those that came while mla was at work are lost
  any                          nothing is checked: the allocations are the C library's
A value of the form $name is what the program printed under that name. With `live` or `live_bytes`
and no `allocs`, only what is alive is checked.
"""
import os
import re

SITE = re.compile(r"//\s*(SITE|EXPECT|STACK) (\S+) ?(.*)$")


class Site:
    def __init__(self, name):
        self.name = name
        self.file = None
        self.line = None
        self.attributes = {}
        self.frames = []  # (kind, function, name of the site with its line, library)

    def figures(self, variables, threads):
        """Figures of the report -> expected values."""
        if "any" in self.attributes:
            return {}
        times = 1 if "once" in self.attributes else threads

        def value(name):
            text = self.attributes.get(name)
            if text is None:
                return None
            return (variables[text[1:]] if text.startswith("$") else int(text)) * times

        size = value("size")
        allocs, freed, live = value("allocs"), value("freed"), value("live")
        if allocs is not None and freed is not None:
            live = allocs - freed
        if allocs == 0:
            live = 0
        expected = {"alloc_count": allocs, "live_count": live, "alloc_bytes": value("bytes"),
                    "live_bytes": value("live_bytes")}
        if size is not None:
            expected["alloc_bytes"] = size // times * allocs
            expected["live_bytes"] = size // times * live
        elif live == 0:
            expected["live_bytes"] = 0
        expected["freed_count"] = freed
        return {name: number for name, number in expected.items() if number is not None}


def read(paths):
    """Name -> Site of all comments in the files."""
    sites = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                match = SITE.search(line.rstrip("\n"))
                if not match:
                    continue
                what, name, rest = match.groups()
                site = sites.setdefault(name, Site(name))
                if what == "STACK":
                    kind, _, function = rest.partition(" ")
                    function, _, library = function.partition(" in ")
                    function, _, other = function.partition("@")
                    site.frames.append((kind, function, other or None, library or None))
                    continue
                if what == "SITE":
                    if site.line is not None:
                        raise SystemExit("%s:%d: a second site %s" % (path, number, name))
                    site.file, site.line = os.path.basename(path), number
                for word in rest.split():
                    key, _, text = word.partition("=")
                    site.attributes[key] = text
    for site in sites.values():
        if site.line is None or not site.attributes:
            raise SystemExit("site %s has no line or no figures" % site.name)
        for _, _, other, _ in site.frames:
            if other is not None and other not in sites:
                raise SystemExit("site %s: no site %s" % (site.name, other))
    return sites
