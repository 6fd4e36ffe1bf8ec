"""The page of alerts and bans, and the same at the command line."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests.webapp.doors.cast import MAC, add_phone, commit
from webapp.adopt import services as adoption
from webapp.cli import main
from webapp.extensions import db, utcnow
from webapp.models import Alert, AuditEntry, Ban, Stray, User

CLOSED_WINDOW = "%(mac)s asks for its file from %(address)s"


def raise_alert(phone=None, kind="closed_window", **more):
    params = {"mac": "0c:38:3e:00:00:01", "address": "203.0.113.9"}
    alert = Alert(kind=kind, source=MAC, message=CLOSED_WINDOW, params=params, **more)
    if phone:
        alert.phone_id, alert.site_id = phone.id, phone.site_id
    db.session.add(alert)
    commit()
    return alert


def ban(source="198.51.100.66"):
    found = Ban(source=source, until=utcnow() + timedelta(minutes=15))
    db.session.add(found)
    commit()
    return found


def test_without_any_the_page_says_what_would_be_there(bob):
    assert "Nothing to look at" in bob.get("/alerts/").text


def test_an_alert_leads_to_its_phone_and_site(bob, site):
    phone = add_phone(site)
    raise_alert(phone, times=7)
    text = bob.get("/alerts/").text
    assert "0c:38:3e:00:00:01 asks for its file from 203.0.113.9" in text
    assert f'href="/phones/{phone.id}"' in text and f'href="/sites/{site.id}"' in text
    assert "7 times" in text


def test_the_menu_and_the_overview_say_how_many_are_open(bob, carol):
    raise_alert()
    raise_alert(closed_at=utcnow())
    text = bob.get("/").text
    assert text.count('href="/alerts/"') == 2
    assert "somebody should look at them" in text
    assert "/alerts/" not in carol.get("/").text


def test_who_may_not_read_the_logs_sees_none(carol, dave):
    assert carol.get("/alerts/").status_code == 403
    assert dave.get("/alerts/").status_code == 403


def test_it_shows_open_ones_unless_asked_for_others(bob):
    raise_alert(kind="walk")
    raise_alert(kind="old_key", closed_at=utcnow(), closed_by="alice")

    def shown(query):
        text = bob.get(f"/alerts/{query}", headers={"HX-Request": "true"}).text
        return ("Walk over neighbours" in text, "Replaced key in use" in text)

    assert shown("") == (True, False)
    assert shown("?state=closed") == (False, True)
    assert shown("?state=all") == (True, True)
    assert shown("?state=all&kind=old_key") == (False, True)


def test_closing_is_audited_and_says_by_whom(bob):
    alerts = [raise_alert(), raise_alert(kind="walk")]
    answer = bob.post("/alerts/close", data={"id": [one.id for one in alerts]})
    assert answer.status_code == 303
    db.session.expire_all()
    assert all(one.closed_at and one.closed_by == "bob" for one in alerts)
    query = select(AuditEntry).where(AuditEntry.entity == "Alert", AuditEntry.action == "update")
    assert {row.actor for row in db.session.scalars(query)} == {"bob"}


def test_closing_nothing_is_said(bob):
    answer = bob.post("/alerts/close", data={"id": ["x", "999"]}, follow_redirects=True)
    assert "No open alert was chosen" in answer.text


def test_only_who_may_write_phones_closes_and_lifts(app, bob):
    alert, banned = raise_alert(), ban()
    db.session.scalar(User.named("bob")).department.permissions = {"logs.read", "phones.read"}
    commit()
    assert bob.get("/alerts/").status_code == 200
    assert bob.post("/alerts/close", data={"id": alert.id}).status_code == 403
    assert bob.post(f"/alerts/bans/{banned.id}/lift").status_code == 403


def test_a_ban_is_listed_and_lifted_and_that_is_audited(bob):
    banned = ban()
    assert "198.51.100.66" in bob.get("/alerts/").text
    assert bob.post(f"/alerts/bans/{banned.id}/lift").status_code == 303
    assert db.session.scalars(select(Ban)).all() == []
    query = select(AuditEntry).where(AuditEntry.entity == "Ban", AuditEntry.action == "delete")
    assert db.session.scalar(query).actor == "bob"
    assert bob.post(f"/alerts/bans/{banned.id}/lift").status_code == 404


def test_a_ban_that_is_over_is_not_listed(bob):
    ban().until = utcnow() - timedelta(seconds=1)
    commit()
    assert "198.51.100.66" not in bob.get("/alerts/").text


def test_who_adopts_a_phone_lifts_the_ban_of_where_it_asked_from(app, site):
    ban("203.0.113.9")
    stray = Stray(mac=MAC, address="203.0.113.9", transport="http", site=site)
    db.session.add(stray)
    commit()
    adoption.adopt(stray, "fanvil-x1sg", site)
    commit()
    assert db.session.scalars(select(Ban)).all() == []


@pytest.fixture
def belldesk(app, monkeypatch):
    monkeypatch.setenv("BELLDESK_INSTANCE", app.instance_path)
    monkeypatch.setenv("BELLDESK_KEYS", " ".join(app.extensions["belldesk"].keys))

    def run(*words):
        done = CliRunner().invoke(main, list(words))
        db.session.rollback()
        db.session.expire_all()
        return done

    return run


def test_the_command_lists_and_closes_alerts(belldesk):
    first, second = raise_alert(), raise_alert(kind="walk")
    rows = json.loads(belldesk("alerts", "list", "--json").stdout)
    assert [row["kind"] for row in rows] == ["walk", "closed_window"]
    assert rows[1]["what"] == "0c:38:3e:00:00:01 asks for its file from 203.0.113.9"
    assert "closed_window" in belldesk("alerts", "list").stdout
    assert belldesk("alerts", "close", str(first.id)).exit_code == 0
    assert first.closed_by.startswith("cli:")
    assert belldesk("alerts", "close", "999").exit_code == 1
    assert belldesk("alerts", "close").exit_code == 2
    assert belldesk("alerts", "close", "--all").exit_code == 0
    assert second.closed_at is not None
    assert json.loads(belldesk("alerts", "list", "--json").stdout) == []
    assert len(json.loads(belldesk("alerts", "list", "--all", "--json").stdout)) == 2


def test_the_command_lists_and_lifts_bans(belldesk):
    ban()
    assert json.loads(belldesk("bans", "list", "--json").stdout)[0]["source"] == "198.51.100.66"
    assert "198.51.100.66" in belldesk("bans", "list").stdout
    assert belldesk("bans", "lift", "198.51.100.66").exit_code == 0
    again = belldesk("bans", "lift", "198.51.100.66")
    assert again.exit_code == 1 and "is not banned" in again.stderr
