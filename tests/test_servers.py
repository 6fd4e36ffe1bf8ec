"""The ground the other tests stand on: it really starts each server."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis as redis_client
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import DBAPIError

from tests.daemons import ServerError, need, running
from tests.servers import DATABASES, PROGRAMS, ROOT, database, run_folder, shared

EMOJI = "Zoë 📞"
PHRASES = Table(
    "phrases", MetaData(), Column("id", Integer, primary_key=True), Column("said", String(40))
)


@pytest.fixture(scope="module", params=DATABASES)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with shared(request.param, run_folder(tmp_path_factory)) as url:
        yield url


def test_a_fresh_database_gives_an_emoji_back(server: str, tmp_path: Path) -> None:
    with database(server, tmp_path) as url:
        assert said_in(url) == EMOJI


def test_two_databases_of_one_server_share_nothing(server: str, tmp_path: Path) -> None:
    with database(server, tmp_path) as one, database(server, tmp_path) as two:
        said_in(one)
        engine = create_engine(two)
        assert inspect(engine).get_table_names() == []
        engine.dispose()


def test_a_database_is_dropped_under_a_forgotten_connection(server: str, tmp_path: Path) -> None:
    with database(server, tmp_path) as url:
        engine = create_engine(url)
        forgotten = engine.connect()
    assert not database_exists(url)
    forgotten.invalidate()
    engine.dispose()


def test_redis_gives_an_emoji_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    with (
        shared("redis", run_folder(tmp_path_factory)) as url,
        redis_client.Redis.from_url(url, decode_responses=True) as client,
    ):
        key = f"said:{os.getpid()}"
        client.set(key, EMOJI, ex=60)
        assert client.get(key) == EMOJI


def test_all_processes_of_a_run_share_one_server(tmp_path: Path) -> None:
    need(*PROGRAMS["redis"])
    users = [start_user(tmp_path) for _ in range(3)]
    urls = {url_of(user) for user in users}
    for user in users:
        user.communicate()
    assert len(urls) == 1


def test_who_comes_after_the_last_user_gets_a_server_that_answers(tmp_path: Path) -> None:
    for _ in range(2):
        with shared("redis", tmp_path) as url:
            assert answers(url)


def test_a_server_ends_when_its_last_user_was_killed(tmp_path: Path) -> None:
    need(*PROGRAMS["redis"])
    with start_user(tmp_path) as user:
        url = url_of(user)
        assert answers(url)
        user.kill()
    assert eventually(lambda: not answers(url))


def test_a_program_that_does_not_start_is_reported_with_its_words(tmp_path: Path) -> None:
    def command(port: int) -> list[str]:
        return ["sh", "-c", "echo no room on the disk; exit 1"]

    def greet(port: int) -> None:
        raise OSError

    with (
        pytest.raises(ServerError, match="no room on the disk"),
        running(command, greet, OSError, tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    ("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_a_missing_program_is_named(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="needs carrier-pigeon"):
        need("sh", "carrier-pigeon")


@pytest.mark.parametrize(
    ("ci", "closing"), [("true", "1 failed, 1 xfailed, 1 error"), ("", "2 skipped, 1 xfailed")]
)
def test_a_skip_fails_the_run_in_ci_only(tmp_path: Path, ci: str, closing: str) -> None:
    (tmp_path / "test_one.py").write_text(
        "import pytest\n"
        "def test_skipped(): pytest.skip('needs a phone')\n"
        "@pytest.mark.skip(reason='needs a phone')\n"
        "def test_marked(): pass\n"
        "@pytest.mark.xfail\n"
        "def test_expected(): assert False\n"
    )
    done = run_pytest(tmp_path, ci)
    assert closing in done.stdout
    assert "needs a phone" in done.stdout
    assert (done.returncode == 0) == (ci == "")


def test_a_skipped_module_fails_the_run_in_ci(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text("import pytest; pytest.importorskip('carrier_pigeon')\n")
    assert run_pytest(tmp_path, "true").returncode != 0


def start_user(folder: Path) -> subprocess.Popen[str]:
    """Start a process that uses the Redis of this run until its standard input is closed."""
    script = (
        "import sys, pathlib; from tests.servers import shared\n"
        "with shared('redis', pathlib.Path(sys.argv[1])) as url:\n"
        "    print(url, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(folder)]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def url_of(user: subprocess.Popen[str]) -> str:
    assert user.stdout is not None
    return user.stdout.readline().strip()


def run_pytest(folder: Path, ci: str) -> subprocess.CompletedProcess[str]:
    words = ["-p", "tests.no_skips", "-p", "no:cacheprovider", "-rs", "-c", os.devnull]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *words, f"--rootdir={folder}", str(folder)],
        cwd=ROOT,
        env={**os.environ, "CI": ci, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def said_in(url: str) -> str | None:
    engine = create_engine(url)
    with engine.begin() as connection:
        PHRASES.create(connection)
        connection.execute(PHRASES.insert().values(said=EMOJI))
        said = connection.execute(select(PHRASES.c.said)).scalar()
    engine.dispose()
    return said


def database_exists(url: str) -> bool:
    target = make_url(url)
    if target.get_backend_name() == "sqlite":
        return Path(target.database or "").exists()
    engine = create_engine(target)
    try:
        engine.connect().close()
    except DBAPIError:
        return False
    finally:
        engine.dispose()
    return True


def answers(url: str) -> bool:
    try:
        with redis_client.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis_client.RedisError:
        return False


def eventually(wish: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not wish():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
