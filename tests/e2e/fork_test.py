#!/usr/bin/env python3
"""Children of every kind have recordings of their own: what they allocated, and apart from it what
they inherited; the recording of the parent is not touched by them."""

import harness

FAMILY = harness.program("fork_family")
BEFORE, INHERITED_FREED, OF_CHILD, OF_CHILD_FREED, AFTER = 3000, 1000, 5000, 2000, 700
COUNTS = ("alloc_count", "freed_count", "live_count", "live_bytes")
INHERITED = ("inherited_count", "inherited_freed_count", "inherited_bytes",
             "inherited_freed_bytes")


class Fork(harness.Case):
    def run_family(self, *arguments):
        """Reports by pid, and the pids by name, in the order of their birth."""
        result = self.recorded([FAMILY] + list(arguments))
        pids = {}
        for line in result.stdout.decode().splitlines():
            name, pid = line.split()
            pids.setdefault(name, []).append(int(pid))
        reports = {report["process"]["pid"]: report for report in self.reports()}
        self.assertEqual(len(reports), len(self.files()), "one recording for each process")
        return result, pids, reports

    def check_parent(self, report):
        self.assertEqual(harness.site_totals(report, "before_fork", *COUNTS),
                         (BEFORE, 0, BEFORE, 100 * BEFORE))
        self.assertEqual(harness.site_totals(report, "after_fork", *COUNTS),
                         (AFTER, 0, AFTER, 24 * AFTER))
        self.assertEqual(harness.site_totals(report, "in_child", *COUNTS), (0, 0, 0, 0))
        self.assertEqual(report["process"]["fork_depth"], 0)
        self.assertEqual(report["status"], "exited")
        self.check_no_loss(report)

    def check_child(self, report, parent):
        live = OF_CHILD - OF_CHILD_FREED
        self.assertEqual(harness.site_totals(report, "in_child", *COUNTS),
                         (OF_CHILD, OF_CHILD_FREED, live, 48 * live))
        self.assertEqual(harness.site_totals(report, "in_child", *INHERITED), (0, 0, 0, 0))
        # What it inherited is not among its own figures.
        self.assertEqual(harness.site_totals(report, "before_fork", *COUNTS), (0, 0, 0, 0))
        self.assertEqual(harness.site_totals(report, "before_fork", *INHERITED),
                         (BEFORE, INHERITED_FREED, 100 * BEFORE, 100 * INHERITED_FREED))
        process = report["process"]
        self.assertEqual(process["parent_pid"], parent["process"]["pid"])
        self.assertEqual(process["parent_recording"], parent["recording"]["path"])
        self.assertEqual(process["fork_depth"], parent["process"]["fork_depth"] + 1)
        self.assertEqual(process["exe"], parent["process"]["exe"])
        self.assertEqual(process["allocator"], parent["process"]["allocator"])
        self.check_no_loss(report)

    def check_with_one_child(self, how):
        result, pids, reports = self.run_family(how)
        self.assertEqual(result.returncode, 7)
        [parent], [child] = pids["parent"], pids["child"]
        self.assertEqual(sorted(reports), sorted([parent, child]))
        self.check_parent(reports[parent])
        self.check_child(reports[child], reports[parent])

    def test_fork(self):
        self.check_with_one_child("fork")

    def test_fork_by_raw_system_call(self):
        self.check_with_one_child("clone")

    def test_fork_while_other_threads_allocate(self):
        result, pids, reports = self.run_family("threads")
        self.assertEqual(result.returncode, 7)
        [parent] = pids["parent"]
        self.assertEqual(len(pids["child"]), 3)
        self.check_parent(reports[parent])
        for pid in pids["child"]:
            self.check_child(reports[pid], reports[parent])
            # The other threads do not exist in a child.
            self.assertEqual(harness.site_totals(reports[pid], "in_thread", "alloc_count"), (0,))
        self.assertGreater(harness.site_totals(reports[parent], "in_thread", "alloc_count")[0], 0)

    def test_daemon(self):
        _, pids, reports = self.run_family("daemon")
        [parent], [child] = pids["parent"], pids["child"]
        self.check_parent(reports[parent])
        # The process between them did nothing worth a recording.
        self.assertEqual(sorted(reports), sorted([parent, child]))
        report = reports[child]
        # The one between them made no event, so that nobody could know of it.
        self.assertEqual(report["process"]["parent_recording"],
                         reports[parent]["recording"]["path"])
        live = OF_CHILD - OF_CHILD_FREED
        self.assertEqual(harness.site_totals(report, "in_child", *COUNTS),
                         (OF_CHILD, OF_CHILD_FREED, live, 48 * live))
        self.assertEqual(harness.site_totals(report, "before_fork", *INHERITED),
                         (BEFORE, INHERITED_FREED, 100 * BEFORE, 100 * INHERITED_FREED))
        self.check_no_loss(report)

    def test_nine_levels(self):
        depth = 9
        _, pids, reports = self.run_family("chain", str(depth))
        for level in range(depth, 0, -1):  # the last one does nothing
            [pid] = pids["level%d" % level]
            report = reports[pid]
            self.check_no_loss(report)
            self.assertEqual(report["process"]["fork_depth"], depth - level)
            above = depth - level
            self.assertEqual(harness.site_totals(report, "before_fork", *INHERITED)[:2],
                             (0, 0) if above == 0 else (BEFORE - above + 1, 1))
            own = 2000
            expected = (0, 0) if above == 0 else (own * above - (above - 1), 1)
            self.assertEqual(harness.site_totals(report, "in_child", *INHERITED)[:2], expected)
            self.assertEqual(harness.site_totals(report, "in_child", *COUNTS)[:2], (own, 0))
            if above > 0:
                [parent] = pids["level%d" % (level + 1)]
                self.assertEqual(report["process"]["parent_pid"], parent)

    def test_executed_children(self):
        for how in ("vfork", "spawn", "system"):
            with self.subTest(how=how):
                self.recordings = self.path(how)
                result, pids, reports = self.run_family(how)
                self.assertEqual(result.returncode, 7)
                [parent], [leaf] = pids["parent"], pids["leaf"]
                self.assertEqual(sorted(reports), sorted([parent, leaf]))
                self.check_parent(reports[parent])
                report = reports[leaf]
                self.assertEqual(harness.site_totals(report, "in_child", *COUNTS),
                                 (OF_CHILD, 0, OF_CHILD, 48 * OF_CHILD))
                self.assertEqual(report["process"]["fork_depth"], 0)
                self.assertEqual(report["totals"]["inherited_count"], 0)
                self.check_no_loss(report)

    def test_vfork_child_that_exits_does_not_end_the_recording_of_its_parent(self):
        result, pids, reports = self.run_family("vfork-exit")
        self.assertEqual(result.returncode, 3)
        [parent] = pids["parent"]
        self.assertEqual(list(reports), [parent])
        self.check_parent(reports[parent])
        self.assertIsNone(reports[parent]["status_detail"])  # 3 was the code of the child

    def test_parent_killed_after_vfork_child_exited_is_killed(self):
        code = ("import os, signal, subprocess\n"
                "try: subprocess.run(['/no/such/program'])\n"
                "except FileNotFoundError: pass\n"
                "os.kill(os.getpid(), signal.SIGKILL)\n")
        self.assertEqual(self.recorded([harness.PYTHON, "-c", code]).returncode, -9)
        [report] = self.reports()
        self.assertEqual(report["status"], "killed")

    def test_other_allocators(self):
        for allocator in harness.installed_allocators():
            with self.subTest(allocator=allocator):
                self.recordings = self.path(allocator)
                environment = self.environment(allocator)
                result = self.run_program([FAMILY, "threads"], environment)
                self.assertEqual(result.returncode, 7)
                reports = self.reports()
                self.assertEqual(len(reports), 4)
                [parent] = [r for r in reports if r["process"]["fork_depth"] == 0]
                self.check_parent(parent)
                for report in reports:
                    self.assertEqual(report["process"]["allocator"]["name"], allocator)
                    if report is not parent:
                        self.check_child(report, parent)

    def test_storm(self):
        for allocator in harness.installed_allocators():
            with self.subTest(allocator=allocator):
                self.recordings = self.path(allocator)
                result = self.recorded([harness.program("fork_storm"), "75"], allocator)
                self.assertEqual((result.returncode, result.stdout), (0, b"75 of 75\n"))
                reports = self.reports()
                self.assertEqual(len(reports), 76)
                for report in reports:
                    self.check_no_loss(report)


class PythonChildren(harness.Case):
    """Workers of Python programs."""

    def run_python(self, code):
        script = self.path("script.py")
        with open(script, "w") as file:
            file.write(code)
        return self.same_with_and_without([harness.PYTHON, script])

    POOL = """
import multiprocessing
def work(n):
    return sum(len(str(i) * 3) for i in range(n)), len([bytes(600) for i in range(3000)])
if __name__ == '__main__':
    multiprocessing.set_start_method('%s')
    with multiprocessing.Pool(3) as pool:
        print(pool.map(work, [20000] * 6, chunksize=1))
        pool.close()
        pool.join()
"""

    def test_pool_of_forked_workers(self):
        self.run_python(self.POOL % "fork")
        reports = self.reports()
        parents = [r for r in reports if r["process"]["fork_depth"] == 0]
        children = [r for r in reports if r["process"]["fork_depth"] == 1]
        self.assertEqual((len(parents), len(children)), (1, 3))
        for report in reports:
            harness.check_plausible(self, report)
            self.check_no_loss(report)
        for report in children:
            self.assertEqual(report["process"]["parent_pid"], parents[0]["process"]["pid"])
            self.assertGreater(report["totals"]["inherited_count"], 1000)

    def test_pool_of_spawned_workers(self):
        self.run_python(self.POOL % "spawn")
        reports = self.reports()
        workers = [r for r in reports if "--multiprocessing-fork" in r["process"]["argv"]]
        self.assertEqual(len(workers), 3)
        for report in reports:
            harness.check_plausible(self, report)
            self.assertEqual(report["totals"]["inherited_count"], 0)
            self.check_no_loss(report)

    def test_prefork_server(self):
        self.run_python("""
import http.server, os, threading, urllib.request
KEPT = []
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        KEPT.append(bytes(100000))
        body = b'x' * 5000
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
workers = []
for i in range(3):
    pid = os.fork()
    if pid == 0:
        for request in range(10):
            server.handle_request()
        os._exit(0)
    workers.append(pid)
for request in range(30):
    with urllib.request.urlopen('http://127.0.0.1:%d/' % server.server_port) as answer:
        assert len(answer.read()) == 5000
print([os.waitpid(pid, 0)[1] for pid in workers])
""")
        reports = self.reports()
        workers = [r for r in reports if r["process"]["fork_depth"] == 1]
        self.assertEqual(len(workers), 3)
        for report in workers:
            # Ten requests kept 100,000 bytes each.
            self.assertGreaterEqual(max(site["live_bytes"] for site in report["sites"]), 1000000)
            self.assertEqual(report["status_detail"], "exit code 0")
            harness.check_plausible(self, report)


if __name__ == "__main__":
    harness.main()
