# Leaks for the tests of the HTML report. Its names are made to be misread: as HTML, they would load
# an image, whose failure would change the title of the page.
import os
import sys
import time

EVIL = "</script><script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
STEPS = 60

kept = []


def grow():
    kept.append(bytearray(200000))


def once():
    kept.append(bytearray(3000000))


names = {"kept": kept}
exec(compile("def evil():\n    kept.append(bytearray(100000))\n", EVIL, "exec"), names)
names["evil"].__code__ = names["evil"].__code__.replace(co_name=EVIL, **(
    {"co_qualname": EVIL} if sys.version_info >= (3, 11) else {}))
# Many call sites, each of a line of its own.
source = "\n".join("def f%d():\n    kept.append(bytearray(%d))" % (i, 600 + 10 * i)
                   for i in range(400))
exec(compile(source, "many.py", "exec"), names)
once()
for i in range(400):
    names["f%d" % i]()
for step in range(STEPS):
    grow()
    if step % 2 == 0:
        names["evil"]()
    churn = [bytearray(600) for _ in range(3000)]  # the timeline is taken on the way of these
    time.sleep(0.03)
os._exit(0)  # the interpreter would free everything first
