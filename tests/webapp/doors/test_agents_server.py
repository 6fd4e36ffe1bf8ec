"""The agents' door in a real gunicorn, with two workers, asked by the real agent."""

import json
import secrets
import shutil
import socket
import sqlite3
import sys
import threading
import time

import pytest
from sqlalchemy import select

from agent.client import Client
from agent.enrol import enrol
from agent.errors import RefusedError
from agent.state import State
from tests.conftest import KEY, make_config
from tests.daemons import running
from tests.servers import ROOT
from tests.webapp.doors.agents_cast import IDENTITY, SYSTEM, beat, on_it
from webapp import create_app
from webapp.computers import enrolling
from webapp.doors import agent_keys
from webapp.extensions import db
from webapp.models import Site

PATIENCE = 20
FACTS = {"identity": IDENTITY, "os": SYSTEM}


@pytest.fixture
def server(tmp_path, template_database):
    """Address of the server, one code, and its database."""
    shutil.copy(template_database, tmp_path / "belldesk.sqlite3")
    app = create_app(make_config(tmp_path))
    with app.app_context():
        (code,) = enrolling.make_codes(db.session.scalar(select(Site)), 1)
        db.session.commit()
        db.session.remove()
        db.engine.dispose()

    def command(port):
        python = (sys.executable, "-m", "gunicorn", "-c", "python:webapp.gunicorn_conf", "wsgi:app")
        return [*python, "--bind", f"127.0.0.1:{port}"]

    def greet(port):
        socket.create_connection(("127.0.0.1", port), 1).close()

    settings = {
        "BELLDESK_INSTANCE": str(tmp_path), "BELLDESK_KEYS": KEY, "BELLDESK_ENV": "prod",
        "BELLDESK_DOORS": "agents", "BELLDESK_WEB_WORKERS": "2", "BELLDESK_AGENTS_WAITING": "110",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        patch.chdir(ROOT)
        with running(command, greet, OSError, tmp_path) as port:
            yield f"http://127.0.0.1:{port}", code, tmp_path / "belldesk.sqlite3"


def rows(file, query):
    with sqlite3.connect(file) as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found


def soon(file, query, wanted):
    deadline = time.monotonic() + PATIENCE
    while rows(file, query) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return rows(file, query) == wanted


def test_the_real_agent_enrols_reports_and_gets_its_command(server, tmp_path):
    url, code, file = server
    state = State(tmp_path / "agent")
    assert enrol(state, url, code, "", FACTS) == "active"
    known = state.agent()
    client = Client(url, known["agent"], agent_keys.from_base64(known["secret"]))
    for seq in range(1, 21):  # both workers hear it, and each writes what it heard
        message = {"v": 1, "seq": seq, "boot": "b", "beat": beat(on_it()), "facts_sha256": ""}
        answer = client.post("/agent/v1/report", message)
        assert answer["commands"] == []
        time.sleep(0.05)
    query = "SELECT account_name, (SELECT count(*) FROM computer_uses) FROM computers"
    assert soon(file, query, [("ACME\\marie", 1)])
    with sqlite3.connect(file, timeout=20) as connection:
        connection.execute(
            "INSERT INTO commands (number, computer_id, verb, params, reason, state, created_at,"
            " expires_at) SELECT ?, id, 'message', ?, '', 'queued', datetime('now'),"
            " datetime('now', '+1 minute') || '.000000' FROM computers",
            (secrets.token_hex(8), json.dumps({"text": "hello"})),
        )
    connection.close()
    (told,) = client.post("/agent/v1/wait", {"v": 1}, timeout=30)["commands"]
    words = (told["id"], told["verb"], told["expires"], told["params"])
    secret = agent_keys.from_base64(known["secret"])
    assert agent_keys.command_mac(secret, *words) == told["mac"]
    with pytest.raises(RefusedError):
        enrol(State(tmp_path / "other"), url, code, "", FACTS)
    assert soon(file, "SELECT kind FROM alerts", [("code_twice",)])


def test_an_agent_without_its_secret_is_refused(server, tmp_path):
    url, code, _ = server
    state = State(tmp_path / "agent")
    enrol(state, url, code, "", FACTS)
    client = Client(url, state.agent()["agent"], secrets.token_bytes(32))
    with pytest.raises(RefusedError):
        client.post("/agent/v1/wait", {"v": 1})


def test_a_hundred_agents_wait_and_each_command_is_there_at_once(server, tmp_path):
    """One agent a hundred times: each request that waits holds its own thread."""
    url, code, file = server
    state = State(tmp_path / "agent")
    enrol(state, url, code, "", FACTS)
    known = state.agent()
    secret = agent_keys.from_base64(known["secret"])
    answers = []

    def wait():
        client = Client(url, known["agent"], secret)
        answers.append((client.post("/agent/v1/wait", {"v": 1}, timeout=40), time.monotonic()))

    threads = [threading.Thread(target=wait) for _ in range(100)]
    for thread in threads:
        thread.start()
    time.sleep(4)
    assert answers == []
    with sqlite3.connect(file, timeout=20) as connection:
        connection.execute(
            "INSERT INTO commands (number, computer_id, verb, params, reason, state, created_at,"
            " expires_at) SELECT 'n1', id, 'message', '{}', '', 'queued', datetime('now'),"
            " datetime('now', '+1 minute') || '.000000' FROM computers"
        )
    connection.close()
    queued = time.monotonic()
    for thread in threads:
        thread.join(40)
    with_it = [at for answer, at in answers if answer["commands"]]
    assert len(with_it) == 1
    assert with_it[0] - queued < 5
