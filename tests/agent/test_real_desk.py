"""The built agent against the real desk: two processes that share no code."""

import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.conftest import KEY, make_config
from tests.daemons import DIE_WITH_ME, free_port
from tests.servers import ROOT
from webapp import agent_file, create_app
from webapp.audit import acting_as
from webapp.computers import enrolling
from webapp.extensions import db, utcnow
from webapp.models import Agent, Command, Computer, Site

PATIENCE = 60


@contextmanager
def server(folder, port):
    settings = {
        "BELLDESK_ENV": "prod",
        "BELLDESK_DOORS": "agents",
        "BELLDESK_KEYS": KEY,
        "BELLDESK_INSTANCE": folder,
    }
    words = [f"{name}={value}" for name, value in settings.items()]
    python = [sys.executable, "-m", "gunicorn", "wsgi:app", "--chdir", str(ROOT)]
    options = ["-k", "gthread", "-w", "1", "--threads", "8", "--no-control-socket"]
    process = subprocess.Popen(
        [*DIE_WITH_ME, "env", *words, *python, *options, "-b", f"127.0.0.1:{port}"],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def running(file, folder):
    words = [sys.executable, str(file), "--state", str(folder), "run"]
    process = subprocess.Popen([*DIE_WITH_ME, *words], cwd="/")
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def desk(tmp_path, template_database):
    """The desk's database, as the pages see it, beside the server's process."""
    shutil.copy(template_database, tmp_path / "belldesk.sqlite3")
    app = create_app(make_config(tmp_path))
    with app.app_context(), acting_as("tests"):
        yield app
        db.session.remove()
        db.engine.dispose()


def until(look, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        db.session.rollback()
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {PATIENCE} s: {what}")


def new_code():
    site = db.session.scalar(select(Site))
    (code,) = enrolling.make_codes(site, 1)
    db.session.commit()
    return code


def enrol(file, folder, code):
    return subprocess.run(
        [sys.executable, str(file), "--state", str(folder), "enrol", code],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )


def order(computer, verb, **params):
    row = Command(
        number=f"{verb}-1",
        computer_id=computer.id,
        verb=verb,
        params=params,
        expires_at=utcnow() + timedelta(seconds=60),
    )
    db.session.add(row)
    db.session.commit()
    return until(
        lambda: db.session.scalar(
            select(Command).where(Command.id == row.id, Command.ended_at.isnot(None))
        ),
        f"the result of {verb}",
    )


def test_it_enrols_reports_and_obeys_the_real_desk(desk, tmp_path):
    port = free_port()
    file, folder = tmp_path / "agent.pyz", tmp_path / "agent"
    file.write_bytes(agent_file.build(f"http://127.0.0.1:{port}"))
    code = new_code()
    with server(tmp_path, port):
        done = until(lambda: ok(enrol(file, folder, code)), "enrolment")
        assert "Enrolled" in done.stdout
        again = enrol(file, tmp_path / "thief", code)
        assert (again.returncode, "refuses" in again.stderr) == (1, True)
        with running(file, folder):
            computer = until(
                lambda: db.session.scalar(select(Computer).where(Computer.facts_at.isnot(None))),
                "the facts",
            )
            assert computer.state == "up"
            assert computer.facts["programs"]
            assert computer.os_name
            agent = db.session.scalar(select(Agent))
            assert (agent.state, agent.clone_at) == ("active", None)
            listed = order(computer, "list_processes")
            assert listed.state == "done"
            assert any("agent.pyz" in row["command"] for row in listed.result["processes"])
            refused = order(computer, "terminate", pid=1, name="x", started="soon")
            assert refused.state == "failed"
        assert enrol(file, folder, new_code()).returncode == 1  # not without --again


def ok(done):
    return done if done.returncode == 0 else None
