"""Man pages and completions know every command and option of --help, and no other."""
import os
import re
import shutil
import subprocess
import unittest

from cli_support import COMMANDS, mla

TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools")


def read(*path):
    with open(os.path.join(TOOLS, *path), encoding="utf-8") as source:
        return source.read()


def options_of(command):
    """Long and short options of the lines of --help that introduce one."""
    lines = mla(command, "--help").stdout.splitlines()
    introduced = [re.match(r"  (-[-a-z,]+)", line) for line in lines]
    return {option for match in introduced if match for option in match.group(1).split(",")}


class Documentation(unittest.TestCase):
    def test_help_is_read(self):
        self.assertIn("--allocator", options_of("run"))
        self.assertIn("-o", options_of("report"))

    def test_commands(self):
        listed = re.findall(r"^  ([a-z]+) {3,}", mla("--help").stdout, re.MULTILINE)
        self.assertEqual(sorted(listed), sorted(COMMANDS))
        for name in ("mla.bash", "_mla", "mla.fish"):
            for command in COMMANDS:
                self.assertRegex(read("completion", name), rf"\b{command}\b")
        for command in COMMANDS:
            self.assertIn(rf"mla\-{command}", read("man", "mla.1"))

    def test_man_pages(self):
        for command in COMMANDS:
            text = read("man", f"mla-{command}.1").replace("\\-", "-")
            named = {o for line in text.splitlines() if line.startswith((".B", ".BI", ".BR"))
                     for o in re.findall(r"(?<![-\w])--?[a-z][a-z-]*", line)}
            self.assertEqual(options_of(command) - named, set(), command)
            foreign = {o for o in named if o.startswith("--")} - options_of(command)
            self.assertEqual(foreign, set(), command)

    def test_bash(self):
        text = read("completion", "mla.bash")
        for command in COMMANDS:
            offered = re.search(rf'^    {command}\) options="([^"]*)"', text, re.MULTILINE).group(1)
            wanted = {o for o in options_of(command) if o != "-h"}
            self.assertEqual(set(offered.split()) - {"--"}, wanted, command)

    def test_bash_completes(self):
        script = os.path.join(TOOLS, "completion", "mla.bash")
        ask = (f"source {script}; COMP_WORDS=(mla report --fo); COMP_CWORD=2; _mla; "
               "echo ${COMPREPLY[@]}; COMP_WORDS=(mla a); COMP_CWORD=1; _mla; echo ${COMPREPLY[@]}")
        done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "--folded\nanalyse\n")

    def test_zsh(self):
        text = read("completion", "_mla")
        shared = text[text.index("thresholds=("):text.index("_arguments -C")]
        for command in COMMANDS:
            block = re.search(rf"(?ms)^        {command}\)(.*?);;", text).group(1)
            if "$thresholds" in block:
                block += shared
            for option in options_of(command):
                self.assertRegex(block, rf"(?<![-\w]){option}(?![-\w])", command)

    def test_fish(self):
        text = read("completion", "mla.fish")
        for command in COMMANDS:
            sections = [s for s in text.split("\n\n")
                        if re.search(rf"__fish_seen_subcommand_from [a-z ]*\b{command}\b", s)]
            for option in options_of(command) - {"-h", "--help"}:
                spelled = f" -l {option[2:]}" if option.startswith("--") else f" -s {option[1:]}"
                self.assertTrue(any(re.search(rf"{spelled}\b", s) for s in sections),
                                f"{command} {option}")

    @unittest.skipUnless(shutil.which("groff"), "needs groff")
    def test_man_pages_are_well_formed(self):
        for name in os.listdir(os.path.join(TOOLS, "man")):
            page = os.path.join(TOOLS, "man", name)
            done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", page],
                                  capture_output=True, text=True, check=True)
            self.assertEqual(done.stderr, "", name)


if __name__ == "__main__":
    unittest.main()
