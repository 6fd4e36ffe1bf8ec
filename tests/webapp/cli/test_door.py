"""Windows, keys and policies at the command line."""

import json
from contextlib import contextmanager
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests.webapp.test_provision import make_phone
from webapp.audit import acting_as
from webapp.cli import arm, rotate_key, sites
from webapp.extensions import db, utcnow
from webapp.models import AuditEntry, Run, Site


@pytest.fixture
def belldesk(app, monkeypatch):
    @contextmanager
    def here():
        with app.app_context(), acting_as("cli:tester"):
            yield app

    for module in (arm, rotate_key, sites):
        monkeypatch.setattr(module, "application", here)

    def call(command, *words):
        answer = CliRunner().invoke(command, words)
        db.session.expire_all()
        return answer

    return call


def closed(*mac):
    return make_phone(*mac, armed_until=None, pinned_network="203.0.113.0/24")


def test_phones_open_for_hours_by_mac_and_by_site(belldesk):
    phone, other = closed(), closed("0c383e000002")
    answer = belldesk(arm.arm, "0C:38:3E:00:00:01", "--hours", "4", "--json")
    assert json.loads(answer.output)["phones"] == 1
    assert timedelta(hours=3) < phone.armed_until - utcnow() <= timedelta(hours=4)
    assert (phone.pinned_network, other.is_armed) == (None, False)
    assert "2 phones: open until" in belldesk(arm.arm, "--site", "Lisbon").output
    assert timedelta(hours=71) < other.armed_until - utcnow() <= timedelta(hours=72)
    row = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "arm")).all()[0]
    assert (row.actor, row.entity_id) == ("cli:tester", phone.id)


def test_windows_close(belldesk):
    phone = make_phone()
    assert "1 phones: closed" in belldesk(arm.arm, phone.mac, "--close").output
    assert phone.armed_until is None


def test_new_keys_come_with_a_run(belldesk):
    phone = make_phone()
    old = phone.key_digest
    answer = belldesk(rotate_key.group, phone.mac, "--days", "3")
    assert answer.exit_code == 0 and "Run 1: 1 phones" in answer.output
    assert phone.previous_key_digest == old != phone.key_digest
    assert phone.key not in answer.output
    assert db.session.scalars(select(Run)).one().total == 1


def test_keys_that_still_overlap_are_kept_and_said(belldesk):
    phone = make_phone()
    belldesk(rotate_key.group, "--site", "Lisbon")
    old = phone.key_digest
    answer = belldesk(rotate_key.group, "--site", "Lisbon")
    assert (answer.exit_code, phone.key_digest) == (1, old)
    assert "1 phones keep their keys" in answer.output
    assert belldesk(rotate_key.group, "--site", "Lisbon", "--again").exit_code == 0
    assert phone.key_digest != old


def test_a_policy_is_chosen_and_what_is_not_said_stays(belldesk):
    make_phone()
    words = ("set-policy", "Lisbon", "strict", "--auth", "digest", "--certificate")
    answer = belldesk(sites.group, *words)
    assert answer.exit_code == 0 and "1 cannot be told their address yet" in answer.output
    answer = belldesk(sites.group, "set-policy", "Lisbon", "armed", "--json")
    said = json.loads(answer.stdout)
    assert "no proxy hands certificates on" in answer.stderr
    assert (said["policy"], said["door_auth"], said["certificate_required"]) == (
        "armed", "digest", True,
    )  # fmt: skip
    assert db.session.scalar(select(Site)).policy == "armed"


@pytest.mark.parametrize(
    ("command", "words", "code"),
    [
        (arm.arm, (), 2),
        (arm.arm, ("0c383e0000ff",), 2),
        (arm.arm, ("--site", "nowhere"), 2),
        (arm.arm, ("0c383e000001", "--hours", "0"), 2),
        (arm.arm, ("0c383e000001", "--hours", "721"), 2),
        (arm.arm, ("0c383e000001", "--hours", "2", "--close"), 2),
        (rotate_key.group, (), 2),
        (rotate_key.group, ("0c383e000001", "--days", "31"), 2),
        (sites.group, ("set-policy", "Lisbon", "open"), 2),
        (sites.group, ("set-policy", "nowhere", "lan"), 1),
        (sites.group, ("set-policy", "Lisbon", "lan", "--auth", "ntlm"), 2),
    ],
)
def test_what_is_wrong_changes_nothing_and_has_its_exit_code(belldesk, command, words, code):
    phone = closed()
    before = phone.key_digest
    assert belldesk(command, *words).exit_code == code
    assert (phone.is_armed, phone.key_digest) == (False, before)
    assert db.session.scalar(select(Site)).policy == "armed"
