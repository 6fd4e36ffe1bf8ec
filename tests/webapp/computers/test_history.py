"""Who was where: of a person, of a moment, of an address; on all three databases."""

import re

import pytest
from sqlalchemy import select

from tests.conftest import client_of
from tests.webapp.computers.conftest import add_address, add_computer, add_use, minutes_ago
from webapp.extensions import db
from webapp.models import Account, Computer

PERSON = re.compile(r'href="/computers/people/\d+">([^<]+)</a>')


@pytest.fixture
def desk(everywhere):
    """PC-1 had the address first, PC-2 has it now."""
    everywhere.config["WTF_CSRF_ENABLED"] = False
    first, second = add_computer("PC-1", "A", address="10.5.5.5"), add_computer("PC-2", "B")
    add_address(first, "10.1.2.3", since=300, until=100)
    add_address(second, "10.1.2.3", since=90)
    add_use(first, "marie", since=280, until=200)
    add_use(first, "joao", since=150, until=50)
    add_use(second, "marie", since=80)
    return client_of(everywhere, "alice")


def asked(client, **query):
    answer = client.get("/computers/history", query_string=query)
    assert answer.status_code == 200
    return PERSON.findall(answer.text), answer.text


def at(minutes):
    return minutes_ago(minutes).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("minutes", "people"),
    [(250, ["ACME\\marie"]), (140, ["ACME\\joao"]), (180, []), (70, ["ACME\\marie"]), (400, [])],
)
def test_who_was_on_an_address_at_a_moment(desk, minutes, people):
    assert asked(desk, q="10.1.2.3", at=at(minutes))[0] == people


def test_when_nobody_was_on_it_the_computer_is_told(desk):
    assert "The address was that of PC-1" in asked(desk, q="10.1.2.3", at=at(180))[1]


def test_the_address_goes_with_its_computer_only_while_it_had_it(desk):
    """At that moment João was on PC-1, which had another address by then."""
    assert asked(desk, q="10.1.2.3", at=at(60))[0] == ["ACME\\marie"]


def test_all_that_is_known_is_searched_newest_first(desk):
    assert asked(desk)[0] == ["ACME\\marie", "ACME\\joao", "ACME\\marie"]
    assert asked(desk, q="joao")[0] == ["ACME\\joao"]
    assert asked(desk, q="pc-1")[0] == ["ACME\\joao", "ACME\\marie"]
    assert asked(desk, q="10.1.")[0] == ["ACME\\marie", "ACME\\joao", "ACME\\marie"]
    assert asked(desk, q="marie pc-2")[0] == ["ACME\\marie"]
    assert asked(desk, q="nobody")[0] == []


def test_a_moment_that_is_none_is_told(desk):
    people, page = asked(desk, q="joao", at="yesterday")
    assert people == ["ACME\\joao"]
    assert "no date and time" in page


def test_a_computer_that_went_silent_says_nothing_of_later(desk):
    second = db.session.scalar(Computer.with_serial("B"))
    second.reported_at = minutes_ago(70)
    db.session.commit()
    assert asked(desk, q="marie", at=at(75))[0] == ["ACME\\marie"]
    assert asked(desk, q="marie", at=at(60))[0] == []


def test_a_person_has_a_page_with_every_computer(desk):
    marie = db.session.scalar(select(Account).where(Account.name == "marie"))
    page = desk.get(f"/computers/people/{marie.id}").text
    assert re.findall(r'href="/computers/\d+">([^<]+)</a>', page) == ["PC-2", "PC-1"]
    assert page.count("<code>10.1.2.3</code>") == 2
    assert desk.get("/computers/people/999999").status_code == 404
