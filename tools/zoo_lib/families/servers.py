"""Servers of the web."""
import hashlib
import os
import signal
import urllib.error
import urllib.request

from zoo_lib.families.databases import free_port
from zoo_lib.program import Program

CONFIGURATION = """
daemon off; worker_processes 2; pid %(d)s/pid; error_log %(d)s/error warn; %(user)s
events { worker_connections 300; }
http { access_log off; gzip on; gzip_types text/plain; default_type text/plain; root %(d)s;
client_body_temp_path %(d)s/t; proxy_temp_path %(d)s/t; fastcgi_temp_path %(d)s/t;
uwsgi_temp_path %(d)s/t; scgi_temp_path %(d)s/t;
server { listen 127.0.0.1:%(port)d; location /p/ { proxy_pass http://127.0.0.1:%(port)d/; } } }
"""


class Nginx(Program):
    name = "nginx"
    title = "two workers, gzip and a proxy, under wrk; a reload; a graceful end"
    needs = (("nginx", "nginx-light"), ("wrk", "wrk"))
    expects = ("nginx",)
    quick = False

    def run(self, run):
        port = free_port()
        for name, size in (("a", 1000), ("b", 300000)):
            run.write(name, name * size)
        run.write("nginx.conf", CONFIGURATION % {
            "d": run.directory, "port": port, "user": "user root;" if os.getuid() == 0 else ""})
        server = run.start([self.which("nginx"), "-e", run.path("error"), "-c",
                            run.path("nginx.conf")])
        run.wait_until(lambda: self.answers(port), "nginx answers", server)
        for path in ("a", "b", "p/a", "p/b"):
            run.run(["wrk", "-t", "1", "-c", "20", "-d", "1", "-H", "Accept-Encoding: gzip",
                     "http://127.0.0.1:%d/%s" % (port, path)], "code", code=0)
            run.note(path, self.get(port, path))
        server.send_signal(signal.SIGHUP)
        run.wait_until(lambda: self.answers(port), "nginx answers after a reload", server)
        run.note("absent", self.get(port, "absent"))
        run.stop(server, signal.SIGQUIT)

    @staticmethod
    def get(port, path):
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/%s" % (port, path),
                                        timeout=30) as answer:
                return b"%d %s" % (answer.status, hashlib.sha256(answer.read()).digest())
        except urllib.error.HTTPError as error:
            return b"%d" % error.code

    def answers(self, port):
        try:
            return self.get(port, "a") != b""
        except OSError:
            return False


def programs():
    return [Nginx()]
