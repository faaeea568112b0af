"""Databases: sqlite3, redis with a replica, postgres, memcached."""
import glob
import os
import signal
import socket

from zoo_lib import host
from zoo_lib.program import Command, Program

SQL = """
create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000)
  insert into t select i, printf('%x-%d', i * 7919, i), i / 7.0 from n;
create index x on t(b);
select count(*), max(b), min(b) from t where b like '%f%';
select substr(b, 1, 2) k, count(*), round(sum(c), 3) from t group by k order by 2 desc, 1 limit 9;
with recursive f(x, y) as (select 1, 1 union all select x + 1, y * (x + 1) % 1000003 from f
  where x < 30000) select sum(y) from f;
select json_group_array(b) ->> 17 from (select b from t order by a limit 1000);
update t set b = upper(b) where a % 3; delete from t where a % 5 = 0; vacuum;
select count(*), sum(length(b)) from t; pragma integrity_check;
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Redis(Program):
    name = "redis"
    linked = "jemalloc"  # as Debian builds it
    title = "two servers, one replicating the other, under redis-benchmark; a dump, a rewrite"
    needs = (("redis-server", "redis-server"), ("redis-benchmark", "redis-tools"))

    def missing(self):
        self.server = self.which("redis-server")
        self.expects = (os.path.basename(os.path.realpath(self.server)),) if self.server else ()
        return super().missing()

    def run(self, run):
        sockets = [run.path(name) for name in ("first", "second")]
        ports = [free_port(), free_port()]
        servers = []
        for path, port in zip(sockets, ports):
            os.mkdir(path + "-data")
            servers.append(run.start([self.server, "--port", str(port), "--bind", "127.0.0.1",
                                      "--unixsocket", path, "--save", "", "--appendonly", "yes",
                                      "--dir", path + "-data", "--loglevel", "warning"]))
        for path, server in zip(sockets, servers):
            run.wait_until(lambda path=path: os.path.exists(path), "redis listens", server)

        def ask(path, *words):
            return run.run(["redis-cli", "-s", path] + list(words))
        ask(sockets[1], "replicaof", "127.0.0.1", str(ports[0]))
        run.run(["redis-benchmark", "-s", sockets[0], "-n", "8000", "-c", "20", "-r", "1000",
                 "-d", "300", "-q", "-t", "set,get,lpush,hset,zadd,mset"], "code", code=0)
        ask(sockets[0], "flushall")
        ask(sockets[0], "eval", "for i = 1, 20000 do redis.call('set', 'k' .. i, string.rep('v', "
            "i % 300)); redis.call('rpush', 'l' .. i % 100, i) end redis.call('set', 'end', 1) "
            "return redis.call('dbsize')", "0")
        run.wait_until(lambda: self.asked(run, sockets[1], "get", "end") == b"1\n",
                       "redis replicates")
        ask(sockets[1], "mget", "k7", "k100", "k20000", "absent")
        ask(sockets[1], "dbsize")
        ask(sockets[0], "save")
        ask(sockets[0], "bgrewriteaof")
        run.wait_until(lambda: b"aof_rewrite_in_progress:0" in self.asked(
            run, sockets[0], "info", "persistence"), "redis rewrites its log")
        ask(sockets[0], "memory", "purge")
        ask(sockets[0], "debug", "reload")
        ask(sockets[0], "lrange", "l7", "0", "-1")
        for server in reversed(servers):
            run.stop(server, signal.SIGTERM)

    @staticmethod
    def asked(run, path, *words):
        """An answer that is not noted."""
        process = run.start(["redis-cli", "-s", path] + list(words))
        run.wait(process)
        return run.output(process)[0]


class Postgres(Program):
    name = "postgres"
    title = "initdb, a server, pgbench with 4 clients, vacuum, a crash of a backend"
    user = "postgres"
    expects = ("postgres", "initdb", "pgbench", "psql")
    killed = ("postgres",)  # the backend that is killed, and those the server then restarts

    def __init__(self):
        super().__init__()
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
        self.binaries = os.path.dirname(found[-1]) if found else None

    def missing(self):
        return None if self.binaries else "not installed: apt install postgresql"

    def run(self, run):
        def tool(name, *arguments):
            return [os.path.join(self.binaries, name)] + list(arguments)
        data, port = run.path("data"), str(free_port())
        run.environment.update(PGHOST=run.directory, PGPORT=port, PGUSER="postgres")
        run.run(tool("initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync",
                     "--locale=C"), "out", code=0)
        server = run.start(tool("postgres", "-D", data, "-h", "", "-k", run.directory,
                                "-c", "fsync=off", "-c", "autovacuum_naptime=1"))
        run.wait_until(lambda: os.path.exists(run.path(".s.PGSQL." + port)), "postgres listens",
                       server)
        run.wait_until(lambda: self.ready(run, tool), "postgres is ready", server)
        run.run(tool("pgbench", "-i", "-s", "1", "-q", "postgres"), "code", code=0)
        run.run(tool("pgbench", "-c", "4", "-j", "2", "-t", "300", "--random-seed=7", "postgres"),
                "code", code=0)

        def ask(sql, code=0):
            run.run(tool("psql", "-X", "-q", "-A", "-t", "-c", sql, "postgres"), "out", code=code)
        ask("select count(*), sum(aid) from pgbench_accounts")
        ask("select count(*) from pgbench_history")
        ask("set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; "
            "set min_parallel_table_scan_size = 0; select sum(abs(hashint4(aid))::bigint) from "
            "pgbench_accounts")
        ask("select md5(string_agg(i::text || md5(i::text), ',' order by i desc)) from "
            "generate_series(1, 50000) i")
        ask("vacuum full analyze pgbench_accounts")
        ask("select 1/0", code=1)
        run.stop(server, signal.SIGINT)

    @staticmethod
    def ready(run, tool):
        return run.wait(run.start(tool("pg_isready", "-q"))) == 0


class Memcached(Program):
    name = "memcached"
    title = "4 threads, two clients that set, get and delete"
    needs = (("memcached", "memcached"),)
    expects = ("memcached",)
    repeatable = True
    user = "nobody"

    def run(self, run):
        path = run.path("socket")
        server = run.start([self.which("memcached"), "-s", path, "-t", "4", "-m", "16"])
        run.wait_until(lambda: os.path.exists(path), "memcached listens", server)
        for client in range(2):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(30)
                run.wait_until(lambda c=connection: self.connects(c, path), "memcached answers",
                               server)
                for i in range(3000):
                    value = b"v" * (i % 3000)
                    connection.sendall(b"set k%d-%d 0 0 %d\r\n%s\r\n" % (client, i, len(value),
                                                                         value))
                    self.line(connection)
                connection.sendall(b"get k%d-77\r\nversion\r\n" % client)
                run.note("answer", self.line(connection, b"VERSION"))
        run.stop(server, signal.SIGINT)

    @staticmethod
    def connects(connection, path):
        try:
            connection.connect(path)
            return True
        except OSError:
            return False

    @staticmethod
    def line(connection, until=b"STORED"):
        text = b""
        while until not in text or not text.endswith(b"\r\n"):
            part = connection.recv(65536)
            if not part:
                raise host.Failed("memcached closed the connection")
            text += part
        return text


def programs():
    return [
        Command("sqlite3", "60,000 rows, an index, queries, JSON, vacuum",
                ["sqlite3", ":memory:", SQL], (("sqlite3", "sqlite3"),), repeatable=True,
                quick=True),
        Redis(), Postgres(), Memcached()]
