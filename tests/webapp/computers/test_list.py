"""The list of computers: who is on which, newest report first."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, select, text

from tests.webapp.computers.conftest import add_computer, add_use
from webapp.extensions import db, utcnow
from webapp.models import Computer, Site

NAME = re.compile(r'<a href="/computers/\d+">([^<]+)</a>')


def names(answer):
    return NAME.findall(answer.text)


def test_it_shows_who_is_on_it_since_when_and_where(alice, computer):
    add_use(computer, "marie", since=20)
    page = alice.get("/computers/").text
    for words in (
        "PC-7",
        "CZC1234",
        "ACME\\marie",
        "10.1.2.3",
        "Windows 11 Pro",
        "Lisbon",
        "console",
    ):
        assert words in page


def test_the_newest_report_is_first_and_who_never_reported_is_a_filter_away(alice):
    for name, minutes in (("old", 90), ("new", 1), ("middle", 10)):
        add_computer(name, name, minutes)
    add_computer("silent", "silent", reported_at=None)
    assert names(alice.get("/computers/")) == ["new", "middle", "old"]
    assert names(alice.get("/computers/?sort=name")) == ["middle", "new", "old", "silent"]
    assert names(alice.get("/computers/?state=never")) == ["silent"]


@pytest.mark.parametrize(("seconds", "word"), [(170, "up"), (181, "down")])
def test_it_is_up_when_it_was_heard_in_the_last_three_minutes(alice, seconds, word):
    add_computer(reported_at=utcnow() - timedelta(seconds=seconds))
    page = alice.get("/computers/").text
    assert f"<span>{word}</span>" in page
    assert len(names(alice.get(f"/computers/?state={word}"))) == 1
    assert len(names(alice.get(f"/computers/?state={'down' if word == 'up' else 'up'}"))) == 0


@pytest.mark.parametrize("words", ["pc-7", "CZC12", "10.1.2", "marie", "acme marie", "MARIE pc"])
def test_any_part_of_it_is_found(alice, computer, words):
    add_use(computer, "marie", since=5)
    add_computer("other", "other", address="10.9.9.9", search="other 10.9.9.9")
    assert names(alice.get("/computers/", query_string={"q": words})) == ["PC-7"]


@pytest.mark.parametrize("words", ["%", "_", "\\", "'", "nothing"])
def test_what_occurs_nowhere_is_not_found(alice, computer, words):
    assert "No computer fits" in alice.get("/computers/", query_string={"q": words}).text


def test_a_fragment_is_only_the_rows(alice, computer):
    answer = alice.get("/computers/?q=pc", headers={"HX-Request": "true"})
    assert "<html" not in answer.text
    assert names(answer) == ["PC-7"]


def test_without_a_computer_it_says_how_to_get_one(alice):
    assert "/computers/add" in alice.get("/computers/").text


def test_the_csv_has_what_the_filter_shows(alice, computer):
    add_use(computer, "marie", since=5)
    add_computer("=evil", "other")
    lines = alice.get("/computers/computers.csv").text.splitlines()
    assert len(lines) == 3
    assert "ACME\\marie" in lines[1]
    assert "'=evil" in lines[2]
    assert len(alice.get("/computers/computers.csv?q=czc1234").text.splitlines()) == 2


def test_who_may_not_read_computers_sees_none(bob, carol, computer):
    for person in (bob, carol):
        for path in ("/computers/", f"/computers/{computer.id}", "/computers/history"):
            assert person.get(path).status_code == 403


def fill(count):
    site, now = db.session.scalar(select(Site.id)), utcnow()
    rows = [
        {"name": f"PC-{n:06}", "serial": f"S{n}", "site_id": site, "search": f"pc-{n:06} s{n}",
         "reported_at": now - timedelta(seconds=n)}
        for n in range(count)
    ]  # fmt: skip
    for start in range(0, count, 5000):
        db.session.execute(insert(Computer), rows[start : start + 5000])
    db.session.commit()


def test_a_page_asks_as_often_and_by_an_index_however_many_there_are(alice):
    fill(100_000)
    asked = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    answer = alice.get("/computers/")
    assert names(answer)[:2] == ["PC-000000", "PC-000001"]
    assert len(names(answer)) == 50
    of_computers = [sql for sql in asked if "FROM computers" in sql]
    assert len(of_computers) == 1
    assert len(asked) < 12
    assert "computers.facts," not in of_computers[0]
    plan = db.session.execute(
        text(
            "EXPLAIN QUERY PLAN SELECT id FROM computers WHERE reported_at IS NOT NULL"
            " ORDER BY reported_at DESC, id DESC LIMIT 51"
        )
    ).all()
    assert "ix_computers_reported_at_id" in str(plan)
    assert "TEMP B-TREE" not in str(plan)
    following = re.search(r'href="(\?after=[^"]+)"', answer.text).group(1)
    assert names(alice.get(f"/computers/{following}"))[0] == "PC-000050"
