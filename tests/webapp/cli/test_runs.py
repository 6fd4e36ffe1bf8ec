"""`belldesk runs`, `belldesk worker --once` and `belldesk purge`, as a script calls them."""

import json

import pytest
from click.testing import CliRunner

from tests.conftest import KEY
from tests.webapp.jobs.phones import make_phones
from webapp.audit import acting_as
from webapp.cli import main
from webapp.extensions import db
from webapp.models import Run


@pytest.fixture
def belldesk(app, tmp_path, monkeypatch):
    for name, value in {"INSTANCE": tmp_path, "ENV": "test", "KEYS": KEY}.items():
        monkeypatch.setenv(f"BELLDESK_{name}", str(value))

    def call(*words):
        return CliRunner().invoke(main, words)

    return call


def test_start_work_watch(belldesk):
    make_phones(3)
    started = json.loads(belldesk("runs", "start", "--all", "--json").stdout)
    assert (started["state"], started["total"]) == ("queued", 3)
    assert belldesk("worker", "--once").exit_code == 0
    watched = belldesk("runs", "watch", str(started["id"]), "--json")
    assert watched.exit_code == 0
    assert json.loads(watched.stdout)["done"] == 3
    [listed] = json.loads(belldesk("runs", "list", "--json").stdout)
    assert listed["state"] == "ended"


def test_failures_make_exit_code_1_and_are_named(belldesk):
    make_phones(1, password="line\nbreak")
    belldesk("runs", "start", "--mac", "0C-38-3E-00-00-01")
    belldesk("worker", "--once")
    watched = belldesk("runs", "watch", "1")
    assert watched.exit_code == 1
    assert "0c:38:3e:00:00:01: " in watched.stdout
    assert "line break" in watched.stdout


@pytest.mark.parametrize(
    ("facts", "words"),
    [({"options": {"next": 7}}, "belldesk runs watch 7"), ({"state": "halted"}, "runs rollback 1")],
    ids=["delivery", "halted"],
)
def test_who_watched_is_told_what_comes_next(belldesk, facts, words):
    db.session.add(Run(**{"kind": "rollout", "state": "ended", "total": 0} | facts))
    with acting_as("tests"):
        db.session.commit()
    assert words in belldesk("runs", "watch", "1").stdout


def test_stop(belldesk):
    make_phones(2)
    belldesk("runs", "start", "--site", "Lisbon", "--model", "X1SG")
    assert belldesk("runs", "stop", "1").exit_code == 0
    belldesk("worker", "--once")
    assert belldesk("runs", "watch", "1").exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("start",),
        ("start", "--all"),
        ("start", "--site", "Nowhere"),
        ("start", "--model", "Nokia"),
        ("start", "--mac", "0c383e00ffff"),
        ("start", "--mac", "nonsense"),
        ("watch", "7"),
        ("stop", "7"),
    ],
)
def test_a_mistake_is_exit_code_2(belldesk, words):
    assert belldesk("runs", *words).exit_code == 2


def test_purge_says_what_went(belldesk):
    assert json.loads(belldesk("purge", "--json").stdout)["files"] == 0
    assert "uploads" in belldesk("purge").stdout
