"""`belldesk token`: what the server's own command makes opens the API, until it is revoked."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests.webapp.api.program import Program, error
from webapp.cli import main
from webapp.extensions import db, utcnow
from webapp.models import ApiToken, AuditEntry, User


@pytest.fixture
def belldesk(app, config, monkeypatch):
    monkeypatch.setenv("BELLDESK_INSTANCE", app.instance_path)
    monkeypatch.setenv("BELLDESK_KEYS", " ".join(config.keys))
    monkeypatch.setenv("BELLDESK_SECRET_KEY", config.secret_key)
    monkeypatch.setenv("BELLDESK_ENV", "test")
    monkeypatch.setenv("BELLDESK_TOKEN_SECONDS", "600")

    def run(*words):
        result = CliRunner().invoke(main, ["token", *words])
        db.session.rollback()
        return result

    return run


def token_of(belldesk, *words):
    done = belldesk("create", *words)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def test_it_prints_a_token_that_opens_the_api(app, belldesk):
    program = Program(app, token_of(belldesk, "bob", "--name", "nightly"))
    assert program.get("me").json["token"]["name"] == "nightly"
    row = db.session.scalar(select(ApiToken))
    assert timedelta(seconds=599) < row.expires_at - row.created_at <= timedelta(seconds=600)
    assert db.session.scalar(AuditEntry.newest_first()).actor.startswith("cli:")


def test_a_revoked_token_is_refused_at_once_by_the_running_desk(app, belldesk):
    program = Program(app, token_of(belldesk, "bob"))
    number = program.get("me").json["token"]["id"]
    assert belldesk("revoke", str(number)).exit_code == 0
    assert error(program.get("me")) == (401, "invalid_token")


def test_all_tokens_of_a_user_are_revoked_and_no_others(app, belldesk):
    bobs = [Program(app, token_of(belldesk, "bob")) for _ in range(2)]
    alice = Program(app, token_of(belldesk, "alice"))
    assert belldesk("revoke", "--user", "bob").output == "Revoked: 2\n"
    assert [program.get("me").status_code for program in bobs] == [401, 401]
    assert alice.get("me").status_code == 200


def test_the_list_is_of_what_still_opens_something_and_shows_no_token(belldesk):
    text = token_of(belldesk, "bob", "--name", "[bold]nightly")
    db.session.scalar(select(ApiToken)).expires_at = utcnow() - timedelta(seconds=1)
    db.session.commit()
    token_of(belldesk, "alice", "--name", "laptop")
    listed = belldesk("list")
    assert "laptop" in listed.output and "nightly" not in listed.output
    [old, new] = sorted(
        json.loads(belldesk("list", "--all", "--json").output), key=lambda row: row["id"]
    )
    assert (old["state"], old["user"], old["name"]) == ("expired", "bob", "[bold]nightly")
    assert new["state"] == "active"
    assert json.loads(belldesk("list", "bob", "--json").output) == []
    assert text.split(".")[2] not in belldesk("list", "--all", "--json").output


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("create", "nobody-of-this-name"), 1),
        (("list", "nobody-of-this-name"), 1),
        (("revoke", "7"), 1),
        (("revoke", "99999999999999999999"), 2),
        (("revoke",), 2),
        (("revoke", "1", "--user", "bob"), 2),
        (("revoke", "--user", "nobody-of-this-name"), 1),
    ],
)
def test_what_is_wrong_has_its_exit_code(belldesk, words, code):
    assert belldesk(*words).exit_code == code


def test_a_disabled_user_gets_none(belldesk):
    db.session.scalar(User.named("bob")).active = False
    db.session.commit()
    done = belldesk("create", "bob")
    assert (done.exit_code, done.output) == (1, "Error: bob is disabled\n")
