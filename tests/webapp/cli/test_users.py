"""`belldesk users`: the same rules as the pages, words and exit codes for scripts."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from webapp.cli import main, users
from webapp.extensions import db
from webapp.models import AuditEntry, User
from webapp.passwords import matches


@pytest.fixture
def belldesk(app, monkeypatch):
    monkeypatch.setenv("BELLDESK_INSTANCE", app.instance_path)
    monkeypatch.setenv("BELLDESK_KEYS", " ".join(app.extensions["belldesk"].keys))

    def run(*words, **how):
        result = CliRunner().invoke(main, list(words), **how)
        db.session.expire_all()
        return result

    return run


def user(name):
    return db.session.scalar(User.named(name))


def test_add_prints_a_password_for_the_first_sign_in(belldesk):
    done = belldesk("users", "add", "erin", "--department", "readers")
    assert done.exit_code == 0
    assert matches(user("erin").password_hash, done.output.strip())
    assert user("erin").must_change_password
    assert user("erin").department.name == "readers"


def test_an_administrator_is_added_by_the_command_line(belldesk):
    given = belldesk(
        "users", "add", "root", "--admin", "--password-stdin", input="a long sentence\n"
    )
    assert given.exit_code == 0
    assert user("root").is_admin
    assert not user("root").must_change_password
    assert matches(user("root").password_hash, "a long sentence")


@pytest.mark.parametrize(
    ("name", "words"), [("two words", "blanks"), ("bob", "already"), ("BOB", "already")]
)
def test_a_refusal_has_words_and_a_code(belldesk, name, words):
    done = belldesk("users", "add", name)
    assert done.exit_code == 1
    assert words in done.output


def test_the_last_administrator_is_not_disabled(belldesk):
    done = belldesk("users", "disable", "alice")
    assert done.exit_code == 1
    assert "last active administrator" in done.output
    assert user("alice").active


def test_disable_enable_and_reset(belldesk, bob):
    assert belldesk("users", "disable", "bob").exit_code == 0
    assert not user("bob").active
    assert bob.get("/account").status_code == 302
    assert belldesk("users", "enable", "bob").exit_code == 0
    password = belldesk("users", "reset", "bob").output.strip()
    assert matches(user("bob").password_hash, password)
    assert belldesk("users", "reset", "no-such").exit_code == 1


def test_lists_are_json_on_demand(belldesk):
    names = [one["name"] for one in json.loads(belldesk("users", "list", "--json").output)]
    assert names == ["alice", "bob", "carol", "dave"]
    departments = json.loads(belldesk("departments", "list", "--json").output)
    assert {"name": "nobody", "people": 1, "rights": []} in departments


def test_the_audit_names_the_terminal(belldesk):
    belldesk("users", "disable", "bob")
    entry = db.session.scalar(select(AuditEntry).order_by(AuditEntry.id.desc()))
    assert entry.actor.startswith("cli:")


def test_the_module_has_its_groups():
    assert set(users.group.commands) == {"add", "list", "reset", "disable", "enable"}
