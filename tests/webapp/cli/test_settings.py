import json
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests.webapp.test_provision import make_phone
from webapp.audit import acting_as
from webapp.cli import main, settings
from webapp.extensions import db
from webapp.models import AuditEntry, Profile, SettingValue


@pytest.fixture
def belldesk(app, monkeypatch):
    """The command on the test's own database."""

    @contextmanager
    def here():
        with app.app_context(), acting_as("cli:tester"):
            yield app

    monkeypatch.setattr(settings, "application", here)
    return lambda *words: CliRunner().invoke(settings.group, words)


def stored():
    return {
        (row.scope, row.key): row.value for row in db.session.scalars(select(SettingValue)).all()
    }


def test_the_command_is_reached_by_its_name():
    assert "unset" in CliRunner().invoke(main, ["settings", "--help"]).output


@pytest.mark.parametrize(
    ("where", "scope"),
    [
        (["--everywhere"], "everywhere"),
        (["--vendor", "fanvil"], "vendor"),
        (["--model", "X1SG"], "model"),
        (["--company", "Acme"], "company"),
        (["--site", "Acme / Lisbon"], "site"),
        (["--site", "Lisbon"], "site"),
        (["--profile", "Reception"], "profile"),
        (["--phone", "0C:38:3E:00:00:01"], "phone"),
    ],
)
def test_a_value_is_set_at_every_kind_of_place_and_taken_back(belldesk, where, scope):
    make_phone()
    db.session.add(Profile(name="Reception"))
    db.session.commit()
    assert belldesk("set", "ntp.server", "a.test", *where).exit_code == 0
    assert stored() == {(scope, "ntp.server"): "a.test"}
    entry = db.session.scalar(AuditEntry.matching(entity="SettingValue"))
    assert (entry.action, entry.actor) == ("create", "cli:tester")
    found = json.loads(belldesk("show", "0c383e000001", "--json").output)["ntp.server"]
    assert (found["value"] == "a.test") == (scope != "profile")
    assert "a.test" in belldesk("list", *where).output
    assert belldesk("unset", "ntp.server", *where).exit_code == 0
    assert stored() == {}


def test_an_empty_value_means_nothing_at_all(belldesk):
    assert belldesk("set", "ntp.server2", "", "--everywhere").exit_code == 0
    assert stored() == {("everywhere", "ntp.server2"): ""}


def test_several_phones_at_once_or_none(belldesk):
    for number in (1, 2):
        make_phone(f"0c383e00000{number}")
    words = ["--phone", "0c383e000001", "--phone", "0c383e000002"]
    assert "2 of 2 changed" in belldesk("set", "sip.port", "5070", *words).output
    assert belldesk("set", "sip.port", "0", *words).exit_code == 1
    gone = belldesk("set", "sip.port", "5080", *words, "--phone", "0c383e000003")
    assert gone.exit_code == 1
    assert "There is no one phone" in gone.output
    assert set(stored().values()) == {"5070"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["set", "ntp.server", "a.test"], 2),
        (["set", "ntp.server", "a.test", "--everywhere", "--vendor", "fanvil"], 2),
        (["set", "ntp.nonsense", "a.test", "--everywhere"], 2),
        (["set", "sip.port", "70000", "--everywhere"], 1),
        (["set", "ntp.server", "a.test", "--site", "Nowhere"], 1),
        (["set", "ntp.server", "a.test", "--vendor", "nokia"], 1),
        (["set", "ntp.server", "a.test", "--model", "3310"], 1),
        (["show", "0c383e0000ff"], 1),
        (["show", "no mac"], 2),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(belldesk, words, code):
    assert belldesk(*words).exit_code == code
    assert stored() == {}


def test_a_misspelt_setting_is_told_what_it_may_have_meant(belldesk):
    assert "ntp.server" in belldesk("set", "ntp.servr", "a.test", "--everywhere").output
    assert "sip.port" in belldesk("set", "nonsense", "a.test", "--everywhere").output
