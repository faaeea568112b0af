#!/usr/bin/env python3
"""Shows each check something wrong and something right."""
import os
import shlex
import subprocess
import sys
import tempfile
import unittest

import include_order
import library_audit
import preload_bans
import text
import tree

LIBRARY = r"""
extern "C" void* malloc(unsigned long n);
extern "C" void puts(const char*);
extern "C" void mla_hook() { __builtin_free(malloc(1)); }
"""


class Tree(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.root = self.directory.name

    def tearDown(self):
        self.directory.cleanup()

    def write(self, path, content):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        return path


class Comments(unittest.TestCase):
    def test_blanks_comments_and_literals(self):
        code = 'a; // throw\n/* try\n */ b("throw", \'"\', 1\'000);\n#include "x/y.h"\n'
        self.assertEqual(tree.without_comments(code),
                         'a;  \n\n b( ,  , 1\'000);\n#include "x/y.h"\n')


class IncludeOrder(Tree):
    def includes(self, path, *headers):
        self.write(path, "".join("#include %s\n" % header for header in headers))
        return include_order.check(self.root)

    def test_right(self):
        self.write("tools/leaf.h", "")
        for path, headers in [
                ("preload/hooks/a.cc", ['"capture/x.h"', '"hooks/b.h"', '"format/format.h"']),
                ("preload/capture/a.cc", ['"segment/x.h"', "<sys/mman.h>"]),
                ("preload/format/a.h", ["<atomic>", '"format/layout.h"']),
                ("analyser/reader/a.cc", ['"format/format.h"', "<string>"]),
                ("analyser/report/a.cc", ['"series/x.h"', '"reader/snapshot.h"']),
                ("tools/a.cc", ['"report/x.h"', '"leaf.h"'])]:
            self.assertEqual(self.includes(path, *headers), [], path)

    def test_wrong(self):
        for path, header in [
                ("preload/format/a.h", "<string>"), ("preload/format/a.h", '"segment/x.h"'),
                ("preload/segment/a.cc", '"capture/x.h"'), ("preload/capture/a.cc", '"hooks/x.h"'),
                ("preload/hooks/a.cc", '"reader/x.h"'), ("analyser/reader/a.cc", '"segment/x.h"'),
                ("analyser/reader/a.cc", '"symbols/x.h"'), ("analyser/series/a.cc", '"report/x.h"'),
                ("analyser/series/a.cc", '"ledger/x.h"'), ("tools/a.cc", '"capture/x.h"'),
                ("tools/a.cc", '"../preload/format/x.h"'), ("preload/else/a.cc", "<atomic>")]:
            with self.subTest(path=path, header=header):
                self.assertEqual(len(self.includes(path, header)), 1)
                os.remove(os.path.join(self.root, path))


class PreloadBans(Tree):
    def check(self, code):
        self.write("preload/hooks/a.cc", code)
        return len(preload_bans.check(self.root))

    def test_right(self):
        self.assertEqual(self.check(
            "#include <atomic>\n#include <new>\n#include <sys/mman.h>\n// throw\n"
            "void* operator new(size_t);\nvoid operator delete(void*);\n"
            "new (place) T; T(const T&) = delete;\n"), 0)

    def test_wrong(self):
        for code in ["#include <vector>", "#include <mutex>", "throw 1;", "try {", "x = new T;",
                     "delete x;", "delete[] x;", "std::string s;", "printf(x);", "snprintf(x);",
                     "pthread_mutex_lock(&m);", "sigaction(1, 2, 3);", "typeid(x)"]:
            with self.subTest(code=code):
                self.assertEqual(self.check(code + "\n"), 1)


class Text(unittest.TestCase):
    def test_right(self):
        self.assertEqual(text.check_file("a.h", "#pragma once\nint x;\n"), [])
        self.assertEqual(text.check_file("a.md", "see /workspace and /proc/self/root\n"), [])
        self.assertEqual(text.check_file("a.cc", "// Over 500 lines: why\n" + "x;\n" * 600), [])

    def test_wrong(self):
        for path, content in [
                ("a.h", "int x;\n"), ("a.cc", "x" * 101 + "\n"), ("a.cc", "x; \n"),
                ("a.cc", "\tx;\n"), ("a.cc", "x;"), ("a.cc", "x;\n" * 600),
                ("a.md", "see %swork/main\n" % "/"), ("a.txt", "%sroot\n" % "/")]:
            with self.subTest(path=path, content=content[:20]):
                self.assertEqual(len(text.check_file(path, content)), 1)


class LibraryAudit(Tree):
    IMPORTS = {"malloc", "free"}

    def problems(self, code=LIBRARY, options="", exports=frozenset(), imports=IMPORTS):
        source = self.write("a.cc", code)
        library = os.path.join(self.root, "a.so")
        subprocess.run(
            shlex.split(os.environ.get("CXX", "c++")) +
            ["-shared", "-fPIC", "-nostdlib", "-fno-builtin", source, "-o", library, "-lc"] +
            options.split(), check=True)
        return library_audit.check(library, set(exports), set(imports))

    def test_right(self):
        self.assertEqual(self.problems(), [])

    def test_exports(self):
        extra = LIBRARY + 'extern "C" void extra() {}\n'
        self.assertEqual(self.problems(extra), ["exports extra, which is no hook"])
        self.assertEqual(self.problems(extra, exports=["extra"]), [])
        self.assertEqual(self.problems(exports=["calloc"]), ["does not export calloc"])

    def test_imports(self):
        more = LIBRARY + 'extern "C" void mla_more() { puts(""); }\n'
        self.assertEqual(self.problems(more), ["imports puts, which is not allowed"])
        self.assertEqual(self.problems(more, imports=["malloc", "free", "puts"]), [])

    def test_needed(self):
        self.assertEqual(self.problems(options="-Wl,--no-as-needed -lstdc++"),
                         ["needs libstdc++.so.6"])
        self.assertEqual(self.problems(options="-Wl,-rpath,/lib"), ["has a run path"])

    def test_thread_local_storage(self):
        late = LIBRARY + 'thread_local int mla_x; extern "C" int mla_get() { return mla_x; }\n'
        early = late.replace("thread_local", '[[gnu::tls_model("initial-exec")]] thread_local')
        self.assertEqual(self.problems(early), [])
        self.assertIn("thread-local storage that is allocated late: not initial-exec",
                      self.problems(late, imports=self.IMPORTS | {"__tls_get_addr"}))
        self.assertEqual(self.problems(early.replace("mla_x;", "mla_x, mla_y[100];")),
                         ["thread-local storage of 416 bytes"])

    def test_layout(self):
        self.assertEqual(self.problems(options="-z execstack"), ["asks for an executable stack"])
        self.assertEqual(self.problems(options="-fno-asynchronous-unwind-tables -fno-exceptions"),
                         ["cannot be unwound through mla_hook"])


if __name__ == "__main__":
    sys.exit(unittest.main())
