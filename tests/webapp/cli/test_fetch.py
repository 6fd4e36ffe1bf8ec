"""`belldesk phones fetch`: the very bytes, or why not."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests.webapp.doors.cast import BODY, MAC, add_phone
from webapp.cli.fetch import fetch
from webapp.extensions import db
from webapp.models import AuditEntry, Fetch


@pytest.fixture
def phone(app, site, monkeypatch):
    monkeypatch.setenv("BELLDESK_INSTANCE", app.instance_path)
    monkeypatch.setenv("BELLDESK_KEYS", " ".join(app.extensions["belldesk"].keys))
    return add_phone(site)


def run(*words):
    result = CliRunner().invoke(fetch, list(words))
    db.session.expire_all()
    return result


@pytest.mark.parametrize("via", ["http", "tftp"])
def test_the_file_goes_to_stdout_and_the_matched_rule_to_stderr(phone, via):
    done = run("0C:38:3E:00:00:01", "--via", via)
    assert done.exit_code == 0
    assert done.stdout_bytes == BODY
    assert f"matched {MAC}.cfg" in done.stderr
    assert ("key" if via == "http" else "10.0.0.0/8") in done.stderr


def test_it_is_audited_and_not_in_the_log_of_fetches(phone):
    run(MAC)
    entry = db.session.scalar(select(AuditEntry).where(AuditEntry.action == "reveal"))
    assert entry.entity_id == phone.id
    assert entry.actor.startswith("cli:")
    assert db.session.scalars(select(Fetch)).all() == []


def test_it_saves_the_file_for_its_owner_only(phone, tmp_path):
    target = tmp_path / "phone.cfg"
    assert run(MAC, "--output", str(target)).exit_code == 0
    assert target.read_bytes() == BODY
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["0c383e0000ff"], "unknown_phone"),
        ([MAC, "--file", "other.xml"], "unknown_phone"),
        ([MAC, "--file", f"{MAC}.xml"], "unknown_file"),
        ([MAC, "--file", f"../{MAC}.cfg"], "unknown_phone"),
    ],
)
def test_it_says_why_not(phone, words, reason):
    done = run(*words, "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (found["reason"], found["status"], found["body"]) == (reason, 404, "")
    assert found["words"]
    assert found["words"] in run(*words).stderr


def test_json_holds_what_a_script_needs(phone):
    found = json.loads(run(MAC, "--json").stdout)
    assert found["served"]
    assert found["body"].encode() == BODY
    assert found["size"] == len(BODY)
    assert found["names"][0] == found["matched"] == f"{MAC}.cfg"
    assert found["headers"]["Content-Type"] == "text/xml"


@pytest.mark.parametrize(
    "words", [["nonsense"], [MAC, "--via", "ftp"], [MAC, "-o", "/nowhere/x"], []]
)
def test_mistakes_have_words_and_a_code(phone, words):
    done = run(*words)
    assert done.exit_code in (1, 2)
    assert "Error" in done.stderr
