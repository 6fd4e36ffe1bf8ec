import json
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests.webapp.test_provision import make_phone
from webapp.audit import acting_as
from webapp.cli import phones, sites
from webapp.extensions import db
from webapp.models import AuditEntry, FunctionKey, Site


@pytest.fixture
def belldesk(app, config, monkeypatch):
    """The command on the test's own database."""

    @contextmanager
    def here():
        with app.app_context(), acting_as("cli:tester"):
            yield app

    monkeypatch.setattr(phones, "application", here)
    monkeypatch.setattr(sites, "application", here)
    return lambda group, *words: CliRunner().invoke(group, words)


def test_phones_are_listed_as_words_and_as_json(belldesk):
    make_phone(label="[bold]Reception")
    assert "[bold]" in belldesk(phones.group, "list").output.replace("\n", "")
    [row] = json.loads(belldesk(phones.group, "list", "--json", "--model", "X1SG").output)
    assert (row["mac"], row["state"], row["lines"]) == ("0c:38:3e:00:00:01", "never", ["1001"])
    assert json.loads(belldesk(phones.group, "list", "--json", "--state", "current").output) == []


def test_a_phone_is_shown_with_its_keys(belldesk):
    phone = make_phone()
    for position, kind, value in ((2, "blf", "1002"), (9, "dnd", "")):
        db.session.add(FunctionKey(phone_id=phone.id, position=position, kind=kind, value=value))
    db.session.commit()
    first, second = json.loads(belldesk(phones.group, "show", phone.mac, "--json").output)["keys"]
    assert first == {"key": "2=blf:1002", "origin": "phone", "left_out": ""}
    assert "has no such key" in second["left_out"]
    assert "2=blf:1002" in belldesk(phones.group, "show", phone.mac).output


def test_a_phone_is_shown_without_its_passwords(belldesk):
    phone = make_phone(password="Unmistakable1")
    for words in (("show", phone.mac), ("show", "0C-38-3E-00-00-01", "--json")):
        answer = belldesk(phones.group, *words)
        assert answer.exit_code == 0 and "1001" in answer.output
        assert "Unmistakable1" not in answer.output and phone.admin_password not in answer.output


@pytest.mark.parametrize(
    ("words", "code"),
    [(("show", "0c383e0000ff"), 1), (("show", "x"), 2), (("list", "--site", "x"), 2),
     (("list", "--model", "x"), 2), (("list", "--state", "x"), 2)],
)  # fmt: skip
def test_what_is_wrong_with_a_phone_has_its_exit_code(belldesk, words, code):
    assert belldesk(phones.group, *words).exit_code == code


def test_a_site_is_added_listed_and_given_a_new_key(belldesk):
    words = ("add", "Globex", "Porto", "--network", "10.9.0.0/16", "--json")
    made = json.loads(belldesk(sites.group, *words).output)
    assert made["url"] == f"http://desk.example.net/p/{made['key']}/"
    assert "Porto" in belldesk(sites.group, "list").output
    again = json.loads(belldesk(sites.group, "rotate-key", "Globex / Porto", "--json").output)
    assert again["key"] != made["key"] and again["old_key_until"]
    assert "key" not in json.loads(belldesk(sites.group, "show", "Porto", "--json").output)
    shown = json.loads(belldesk(sites.group, "show", "Porto", "--json", "--key").output)
    assert shown["key"] == again["key"]
    entry = db.session.scalar(AuditEntry.newest_first())
    assert (entry.action, entry.actor) == ("reveal", "cli:tester")


def test_a_site_s_dhcp_server_is_told_by_command(belldesk):
    key = db.session.scalar(select(Site)).key
    text = belldesk(sites.group, "dhcp", "Lisbon", "--server", "dnsmasq").output
    assert f'66,"http://desk.example.net/p/{key}/$mac.cfg"' in text
    entry = db.session.scalar(AuditEntry.newest_first())
    assert (entry.action, entry.actor) == ("reveal", "cli:tester")
    one = belldesk(sites.group, "dhcp", "Lisbon", "--server", "isc", "--vendor", "snom").output
    assert "snom" in one
    assert "fanvil" not in one


@pytest.mark.parametrize(
    ("words", "code"),
    [(("dhcp", "Lisbon"), 2), (("dhcp", "Lisbon", "--server", "x"), 2),
     (("dhcp", "Atlantis", "--server", "kea"), 1),
     (("show", "Atlantis"), 1), (("rotate-key", "Atlantis"), 1),
     (("add", "A", "B", "--network", "x"), 2),
     (("add", "Acme", "Lisbon"), 2), (("rotate-key", "Lisbon", "--overlap", "5"), 2)],
)  # fmt: skip
def test_what_is_wrong_with_a_site_has_its_exit_code(belldesk, words, code):
    assert belldesk(sites.group, *words).exit_code == code
    assert len(db.session.scalars(select(Site)).all()) == 1


def test_addresses_and_macs_are_whole_however_narrow_the_terminal(belldesk, monkeypatch):
    phone = make_phone(label="A long name for the phone of the reception")
    shown = belldesk(sites.group, "show", str(phone.site_id), "--key").output
    assert phone.site.key in shown
    assert "None" not in shown and "['" not in shown
    monkeypatch.setenv("COLUMNS", "60")
    listed = belldesk(phones.group, "list").output
    assert "0c:38:3e:00:00:01" in listed
    assert "…" not in listed


def test_an_empty_list_says_so(belldesk):
    assert belldesk(phones.group, "list").output.strip() == "There is no such phone."
