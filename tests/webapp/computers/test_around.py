"""What other parts of the desk know of computers: sign-ins, the purge, the command line."""

import json
import re
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import event, func, select

from tests.webapp.computers.conftest import (
    add_address,
    add_computer,
    add_event,
    add_use,
    minutes_ago,
)
from webapp.cli import main
from webapp.extensions import db, utcnow
from webapp.jobs.purge import purge
from webapp.models import (
    AddressUse,
    ComputerUse,
    Department,
    EnrolCode,
    SessionEvent,
    SignIn,
)
from webapp.whereabouts import whereabouts

A_DAY = 24 * 60


def test_a_sign_in_says_from_which_computer_and_whose(everywhere):
    computer = add_computer()
    add_address(computer, "10.1.2.3", since=100, until=50)
    add_use(computer, "marie", since=90, until=60)
    asked = [("10.1.2.3", minutes_ago(n)) for n in (120, 95, 70, 40)] + [("10.1.2.4", utcnow())]
    found = whereabouts(asked)
    assert set(found) == {asked[1], asked[2]}
    assert found[asked[1]].people == []
    assert [use.account.name for use in found[asked[2]].people] == ["marie"]
    assert whereabouts([]) == {}


def test_the_page_of_sign_ins_shows_it_to_who_may_read_computers(app, alice, bob, computer):
    add_address(computer, "10.7.7.7", since=100)
    add_use(computer, "marie", since=90)
    db.session.add(
        SignIn(at=minutes_ago(5), name="marie", address="10.7.7.7", success=True, reason="ok")
    )
    computer.reported_at = utcnow()
    db.session.commit()
    assert f'href="/computers/{computer.id}">PC-7' in alice.get("/admin/sign-ins").text
    department = db.session.scalar(select(Department).where(Department.name == "technicians"))
    department.permissions = {"signins.read"}
    db.session.commit()
    page = bob.get("/admin/sign-ins").text
    assert "10.7.7.7" in page
    assert "PC-7" not in page


def test_a_page_of_sign_ins_asks_twice_for_all_its_rows(alice, computer):
    for number in range(30):
        address = f"10.7.7.{number}"
        add_address(computer, address, since=100)
        db.session.add(SignIn(name="x", address=address, success=True, reason="ok"))
    db.session.commit()
    asked = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    alice.get("/admin/sign-ins")
    assert sum("address_uses" in sql for sql in asked) == 1
    assert sum("FROM computer_uses" in sql for sql in asked) == 1


def test_what_is_older_than_logs_are_kept_goes(everywhere):
    computer = add_computer()
    for days in (89, 91):
        add_use(computer, "marie", since=(days + 1) * A_DAY, until=days * A_DAY)
        add_address(computer, "10.1.2.3", since=(days + 1) * A_DAY, until=days * A_DAY)
        add_event(computer, 21, f"e{days}", minutes=days * A_DAY)
    add_use(computer, "joao", since=100 * A_DAY)  # still on it
    gone = purge()
    db.session.commit()
    assert (gone["uses"], gone["addresses"], gone["session_events"]) == (1, 1, 1)
    counts = [
        db.session.scalar(select(func.count()).select_from(model))
        for model in (ComputerUse, AddressUse, SessionEvent)
    ]
    assert counts == [2, 1, 1]


@pytest.fixture
def belldesk(app, config, monkeypatch):
    monkeypatch.setenv("BELLDESK_INSTANCE", app.instance_path)
    monkeypatch.setenv("BELLDESK_KEYS", " ".join(config.keys))
    monkeypatch.setenv("BELLDESK_SECRET_KEY", config.secret_key)
    monkeypatch.setenv("BELLDESK_BASE_URL", config.base_url)

    def run(*words):
        result = CliRunner().invoke(main, ["computers", *words])
        db.session.rollback()
        return result

    return run


def test_codes_are_made_at_the_terminal(app, belldesk):
    done = belldesk("add-code", "--site", "Lisbon", "--count", "2", "--network", "10.1.0.0/16")
    assert done.exit_code == 0
    codes = re.findall(r"^(?:[A-Z2-7]{4}-){7}[A-Z2-7]{4}$", done.stdout, re.MULTILINE)
    assert len(codes) == 2
    stored = db.session.scalars(select(EnrolCode)).all()
    assert [code.network for code in stored] == ["10.1.0.0/16"] * 2
    assert stored[0].expires_at - utcnow() > timedelta(hours=23)
    (row,) = json.loads(belldesk("add-code", "--site", "Lisbon", "--json").stdout)
    assert row["code"] in row["lines"]["Windows"]


def test_what_makes_no_code_is_said_at_the_terminal(app, belldesk):
    assert belldesk("add-code", "--site", "Nowhere").exit_code == 1
    done = belldesk("add-code", "--site", "Lisbon", "--network", "x")
    assert done.exit_code == 2
    assert "no network" in done.stderr
    assert belldesk("add-code", "--site", "Lisbon", "--count", "0").exit_code == 2


def test_computers_are_listed_and_shown_at_the_terminal(app, belldesk, computer):
    add_use(computer, "marie", since=5)
    add_computer("other", "OTHER", minutes=50)
    rows = json.loads(belldesk("list", "--json").stdout)
    assert [row["name"] for row in rows] == ["PC-7", "other"]
    assert rows[0]["person"] == "ACME\\marie"
    assert "PC-7" in belldesk("list", "--state", "up").stdout
    assert json.loads(belldesk("list", "--q", "marie", "--json").stdout)[0]["state"] == "up"
    for name in ("PC-7", "czc1234", str(computer.id)):
        shown = json.loads(belldesk("show", name).stdout)
        assert shown["ways"]["ssh"] == "ssh://10.1.2.3:22"
        assert shown["uses"][0]["person"] == "ACME\\marie"
    assert belldesk("show", "nothing").exit_code == 1
