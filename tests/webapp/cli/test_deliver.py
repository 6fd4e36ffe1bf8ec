"""`belldesk phones deliver`, `set-address` and the roll-out commands, as a script calls them."""

import json

import pytest
from click.testing import CliRunner

from tests.conftest import KEY
from tests.provisioning.transports.sip_peers import phones as doubles
from tests.webapp.jobs.reached import SIP, at, come_back, seen_phones, told_by
from webapp.cli import main
from webapp.extensions import db
from webapp.models import Phone

BASE_URL = "http://desk.example.net"  # of the tests: another one would be another file


@pytest.fixture
def belldesk(app, tmp_path, monkeypatch):
    same = {"INSTANCE": tmp_path, "ENV": "test", "KEYS": KEY, "BASE_URL": BASE_URL}
    for name, value in same.items():
        monkeypatch.setenv(f"BELLDESK_{name}", str(value))

    def call(*words):
        answer = CliRunner().invoke(main, words)
        db.session.rollback()
        return answer

    return call


def test_deliver_tells_the_phones_that_are_named(belldesk):
    seen_phones([at(1), at(2)])
    with doubles("ok", "--hosts", at(1), at(2), *SIP) as heard:
        started = json.loads(belldesk("phones", "deliver", "0C-38-3E-00-00-02", "--json").stdout)
        assert (started["kind"], started["total"]) == ("deliver", 1)
        belldesk("worker", "--once")
        assert len(told_by(heard, 1)) == 1
    watched = belldesk("runs", "watch", str(started["id"]), "--json")
    assert (watched.exit_code, json.loads(watched.stdout)["done"]) == (0, 1)


def test_stale_means_those_that_took_an_older_file(belldesk):
    ids = seen_phones([at(1), at(2)])
    come_back(db.session.get(Phone, ids[0]))
    db.session.commit()
    assert json.loads(belldesk("phones", "deliver", "--stale", "--json").stdout)["total"] == 1


def test_set_address_says_where_a_phone_is_and_takes_it_back(belldesk):
    [number] = seen_phones([at(1)])
    assert belldesk("phones", "set-address", "0c383e000001", "10.0.0.7").stdout == "10.0.0.7\n"
    assert db.session.get(Phone, number).address == "10.0.0.7"
    assert at(1) in belldesk("phones", "set-address", "0c383e000001").stdout
    db.session.expire_all()
    assert db.session.get(Phone, number).address is None


def test_a_canary_that_stays_away_ends_the_watching_with_exit_code_1(belldesk):
    seen_phones([None, None, None])
    started = json.loads(belldesk("runs", "rollout", "--all", "--json").stdout)
    belldesk("worker", "--once")
    watched = belldesk("runs", "watch", str(started["id"]), "--json")
    told = json.loads(watched.stdout)
    assert (watched.exit_code, told["state"], told["failed"]) == (1, "halted", 1)
    assert told["message"].startswith("1 of 1 phones of stage 1 did not come back")
    assert belldesk("runs", "resume", str(started["id"])).exit_code == 0
    assert belldesk("runs", "resume", str(started["id"])).exit_code == 2
    assert belldesk("runs", "rollback", str(started["id"])).exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("phones", "deliver"),
        ("phones", "deliver", "0c383e00ffff"),
        ("phones", "set-address", "0c383e000001", "phone.example.net"),
        ("phones", "set-address", "0c383e000001", "224.0.1.75"),
        ("runs", "rollout"),
        ("runs", "rollout", "--all", "--minutes", "0"),
        ("runs", "rollback", "7"),
    ],
)
def test_a_mistake_is_exit_code_2(belldesk, words):
    seen_phones([at(1)])
    assert belldesk(*words).exit_code == 2
