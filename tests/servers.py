"""Private database and Redis servers for the tests, one of each per run.

Each lives in its own folder, on its own port, with its own password and none of the machine's
configuration, so it can never be mistaken for a server that already runs here. `shared` hands
all pytest-xdist workers the same instance; `database` gives a test an empty database on it:

    @pytest.fixture(scope="session", params=DATABASES)
    def database_server(request, tmp_path_factory):
        with shared(request.param, run_folder(tmp_path_factory)) as url:
            yield url

    @pytest.fixture
    def database_url(database_server, tmp_path):
        with database(database_server, tmp_path) as url:
            yield url
"""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pymysql
import pytest
import redis as redis_client
from sqlalchemy import URL, create_engine, make_url, text

from tests.daemons import ServerError, install, need, path_of, running, unprivileged

ROOT = Path(__file__).parent.parent
DATABASES = ("sqlite", "mariadb", "postgresql")
PROGRAMS = {
    "sqlite": (),
    "mariadb": ("mariadbd", "mariadb-install-db"),
    "postgresql": ("postgres", "initdb"),
    "redis": ("redis-server",),
}


@contextmanager
def mariadb(folder: Path) -> Iterator[str]:
    """Run a private MariaDB; yield its URL, as root and without a database."""
    password = secrets.token_hex(8)
    user = ["--user=root"] if os.geteuid() == 0 else []
    data = folder / "data"
    words = folder / "first.sql"
    words.write_text(f"ALTER USER root@localhost IDENTIFIED BY '{password}';\n", encoding="utf-8")
    install(
        "mariadb-install-db",
        *("--no-defaults", *user, f"--datadir={data}", "--skip-test-db"),
        "--auth-root-authentication-method=normal",
    )

    def command(port: int) -> list[str]:
        return [
            path_of("mariadbd"),
            *("--no-defaults", *user, f"--datadir={data}", f"--init-file={words}"),
            *("--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder / 'sock'}"),
            *(f"--pid-file={folder / 'pid'}", f"--tmpdir={folder}", "--skip-log-bin"),
            *("--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M"),
            *("--innodb-fast-shutdown=2", "--max-connections=200", "--skip-log-error"),
        ]

    def greet(port: int) -> None:
        pymysql.connect(host="127.0.0.1", port=port, user="root", password=password).close()

    with running(command, greet, pymysql.Error, folder) as port:
        yield _url("mysql+pymysql", "root", password, port, query={"charset": "utf8mb4"})


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Run a private PostgreSQL; yield the URL of its database `postgres`, as its superuser."""
    password = secrets.token_hex(8)
    with unprivileged(folder) as (home, become):
        words = home / "password"
        words.write_text(password, encoding="utf-8")
        words.chmod(0o644)  # its folder is closed to others; initdb may run as another user
        install(
            "initdb",
            *(f"--pgdata={home / 'data'}", "--username=postgres", f"--pwfile={words}"),
            *("--auth=password", "--encoding=UTF8", "--locale=C", "--no-sync"),
            become=become,
        )

        def command(port: int) -> list[str]:
            settings = {
                "listen_addresses": "127.0.0.1",
                "port": port,
                "unix_socket_directories": home,
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
                "shared_buffers": "32MB",
            }
            flags = [f"--{key}={value}" for key, value in settings.items()]
            return [*become, path_of("postgres"), "-D", str(home / "data"), *flags]

        def greet(port: int) -> None:
            psycopg.connect(_plain("postgresql", "postgres", password, port)).close()

        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
        stop = signal.SIGINT
        with running(command, greet, psycopg.OperationalError, folder, stop) as port:
            yield _url("postgresql+psycopg", "postgres", password, port, database="postgres")


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Run a private Redis that writes nothing to disk; yield the URL of its database 0."""
    password = secrets.token_hex(8)

    def command(port: int) -> list[str]:
        program = path_of("redis-server")
        # The words come in by a file: on the command line `ps` would show the password.
        words = folder / "redis.conf"
        words.write_text(
            f'bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir "{folder}"\n'
            'save ""\nappendonly no\n',
            encoding="utf-8",
        )
        return [program, str(words)]

    def greet(port: int) -> None:
        with redis_client.Redis.from_url(_plain("redis", "", password, port)) as client:
            client.ping()

    with running(command, greet, redis_client.RedisError, folder) as port:
        yield _url("redis", "", password, port, database="0")


SERVERS: dict[str, Callable[[Path], AbstractContextManager[str]]] = {
    "mariadb": mariadb,
    "postgresql": postgresql,
    "redis": redis,
}


def run_folder(factory: pytest.TempPathFactory) -> Path:
    """Name the folder that all pytest-xdist workers of this run share."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@contextmanager
def shared(name: str, folder: Path) -> Iterator[str]:
    """Join the run's server of this name, starting it if this worker is the first to ask.

    A keeper process owns the server, not the worker that happened to come first: workers end at
    different times. Every user holds a shared lock on one file; the keeper stops the server as
    soon as it gets that lock for itself, which the kernel also grants when users were killed.
    """
    need(*PROGRAMS[name])
    if name == "sqlite":
        yield "sqlite://"
        return
    home = folder / "servers" / name
    home.mkdir(parents=True, exist_ok=True)
    with (home / "users").open("a") as users, (home / "start").open("a") as start:
        fcntl.flock(start, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        url = home / "url"
        if not url.exists():
            _start_keeper(name, home)
        fcntl.flock(start, fcntl.LOCK_UN)
        yield url.read_text(encoding="utf-8")


def _start_keeper(name: str, home: Path) -> None:
    log = home / "keeper.log"
    with log.open("wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.servers", name, str(home)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C in the terminal is for pytest alone
        )
    while not (home / "url").exists():
        if keeper.poll() is not None:
            raise ServerError(f"{name} did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)
    # Never waited for on purpose: it outlives this worker. Python would warn of that.
    keeper.returncode = 0


def keep(name: str, home: Path) -> None:
    """Run a server until nobody holds its file of users any more."""
    url = home / "url"
    with (
        tempfile.TemporaryDirectory(prefix=f"belldesk-{name}-") as folder,
        (home / "users").open("a") as users,
        SERVERS[name](Path(folder)) as address,
    ):
        draft = home / "url.draft"
        draft.write_text(address, encoding="utf-8")
        draft.rename(url)  # at once: a reader never sees half of it
        fcntl.flock(users, fcntl.LOCK_EX)
        url.unlink()


@contextmanager
def database(server: str, folder: Path) -> Iterator[str]:
    """Yield the URL of a new empty database on this server (SQLite: a file in the folder)."""
    url = fresh_database(server, folder)
    try:
        yield url
    finally:
        drop_database(url)


def fresh_database(server: str, folder: Path) -> str:
    """Create an empty database under a name of its own and return its URL."""
    name = f"belldesk_{secrets.token_hex(6)}"
    url = make_url(server)
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{folder / name}.sqlite3"
    # Without the words MariaDB makes a latin1 database, which cannot hold an emoji.
    charset = " CHARACTER SET utf8mb4" if url.get_backend_name() == "mysql" else ""
    _administer(url, f"CREATE DATABASE {name}{charset}")
    return url.set(database=name).render_as_string(hide_password=False)


def drop_database(url: str) -> None:
    """Drop it even while a forgotten connection is open, so that no test can hang on another."""
    target = make_url(url)
    kind, name = target.get_backend_name(), target.database or ""
    if kind == "sqlite":
        Path(name).unlink(missing_ok=True)
    elif kind == "mysql":
        _administer(target.set(database=""), f"DROP DATABASE IF EXISTS {name}")
    else:
        home = target.set(database="postgres")
        _administer(home, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _administer(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


def _url(
    driver: str,
    user: str,
    password: str,
    port: int,
    database: str | None = None,
    query: dict[str, str] | None = None,
) -> str:
    url = URL.create(driver, user, password, "127.0.0.1", port, database, query or {})
    return url.render_as_string(hide_password=False)


def _plain(scheme: str, user: str, password: str, port: int) -> str:
    return f"{scheme}://{user}:{password}@127.0.0.1:{port}"


if __name__ == "__main__":
    keep(sys.argv[1], Path(sys.argv[2]))
