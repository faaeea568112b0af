"""Compilers: what they make is the same, byte by byte."""
from zoo_lib.program import Program

TEMPLATES = """
#include <algorithm>
#include <map>
#include <regex>
#include <string>
#include <tuple>
#include <vector>
template <int N> struct F {
  std::map<std::tuple<char[N], int>, std::vector<std::string>> m;
  long f(long x) { return F<N - 1>().f(x) + static_cast<long>(m.size()); }
};
template <> struct F<0> { long f(long x) { return x; } };
bool matches(const std::string& s) { return std::regex_match(s, std::regex("a+(b|c)*")); }
int main(int n, char**) { std::vector<int> v(n); std::sort(v.begin(), v.end());
  return static_cast<int>(F<12>().f(v[0])) + matches("abc"); }
"""
WRONG = "#include <vector>\nint f() { std::vector<undeclared> x; return x.size() }\n"
MAKEFILE = """
all: program
%.o: %.cc
\t$(CXX) -O1 -c $< -o $@
program: a.o b.o c.o
\t$(CXX) $^ -o $@
"""


class Compiler(Program):
    unwind_check = 101  # of millions, with deep stacks

    def __init__(self, name, package, expects, extra=()):
        super().__init__()
        self.name = name
        self.title = "a template-heavy file with -O2 -g, one that is wrong, a program by make -j2"
        self.needs = ((name, package), ("make", "make"))
        self.expects = expects
        self.extra = list(extra)

    def run(self, run):
        run.write("templates.cc", TEMPLATES)
        run.write("wrong.cc", WRONG)
        run.write("Makefile", MAKEFILE)
        for name in "abc":
            run.write(name + ".cc", "#include <string>\n" + (
                "std::string b(); std::string c();\nint main() { return b() != c(); }\n"
                if name == "a" else "std::string %s() { return \"x\"; }\n" % name))
        run.run([self.name, "-O2", "-g", "-c", "templates.cc", "-o", "templates.o"] + self.extra,
                code=0)
        run.note_file("templates.o")
        run.run([self.name, "-c", "wrong.cc", "-o", "wrong.o"])
        run.run(["make", "-s", "-j2", "CXX=" + self.name], code=0)
        run.note_file("program")
        run.run([run.path("program")], code=0)


def programs():
    return [Compiler("g++", "g++", ("cc1plus",), ["-frandom-seed=1"]),
            Compiler("clang++", "clang", ("clang",))]
