"""gdb on a core file."""
import re
import subprocess

from zoo_lib import host
from zoo_lib.program import Program

SOURCE = """
#include <map>
#include <string>
#include <vector>
struct Node { std::string name; std::vector<Node*> children; };
static std::map<int, Node> nodes;
__attribute__((noinline)) void fall(int n) { if (n) { fall(n - 1); asm(""); } else
  __builtin_trap(); }
int main() { for (int i = 0; i < 50; i++) nodes[i].name = std::string(i, 'x'); fall(20); }
"""


class Gdb(Program):
    name = "gdb"
    title = "a core file: stacks, types, variables, functions; a program under it"
    needs = (("gdb", "gdb"), ("g++", "g++"))
    expects = ("gdb",)
    killed = ("crash",)

    def prepare(self, shared):
        source, self.program, self.core = (shared + "/crash" + end for end in (".cc", "", ".core"))
        with open(source, "w", encoding="ascii") as file:
            file.write(SOURCE)
        made = subprocess.run(["g++", "-g", "-O0", source, "-o", self.program]).returncode == 0
        # By gdb itself: where the kernel puts core files is a setting of the machine.
        made = made and subprocess.run(
            ["gdb", "-nx", "-batch", "-ex", "set startup-with-shell off", "-ex", "run", "-ex",
             "generate-core-file " + self.core, self.program], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=120).returncode == 0
        if not made:
            raise host.Failed("no core file could be made")

    def run(self, run):
        out = run.run(["gdb", "-nx", "-batch", "-ex", "bt", "-ex", "frame 21", "-ex",
                       "info locals", "-ex", "ptype Node", "-ex", "print nodes", "-ex",
                       "info functions fall", "-ex", "info sharedlibrary", "-ex",
                       "info registers rip", "-ex", "disassemble fall", self.program, self.core],
                      code=0)
        if out.count(b"fall (n=") < 20:
            raise host.Failed("gdb does not show the stack")
        process = run.start(["gdb", "-nx", "-batch", "-ex", "break fall if n == 3", "-ex", "run",
                             "-ex", "bt 3", "-ex", "delete", "-ex", "continue", self.program])
        code = run.wait(process)
        run.note("gdb run: exit code", str(code).encode("ascii"))
        # Warnings about the terminal and addresses of the randomised program are not compared.
        run.note("gdb run", b"\n".join(re.findall(
            rb"^(?:#\d+ .*|Program received.*|.*hit Breakpoint.*)$",
            re.sub(rb"0x[0-9a-f]+", b"0x", run.output(process)[0]), re.M)))


def programs():
    return [Gdb()]
