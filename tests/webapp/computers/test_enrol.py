"""Add computers: codes shown once, open ones revoked, known machines decided about."""

import re

import pytest
from sqlalchemy import select

from tests.webapp.doors.agents_cast import Desk, Pc
from webapp.extensions import db
from webapp.models import Agent, AuditEntry, EnrolCode

CODE = re.compile(r"(?:[A-Z2-7]{4}-){7}[A-Z2-7]{4}")


@pytest.fixture
def desk(app):
    opened = Desk(app)
    yield opened
    opened.close()


def test_codes_are_shown_once_with_the_lines_to_paste(alice, site):
    answer = alice.post(
        "/computers/add", data={"site": site.id, "count": 3, "network": "10.1.2.3/16"}
    )
    assert answer.headers["Cache-Control"] == "no-store"
    shown = set(CODE.findall(answer.text))
    assert len(shown) == 3
    assert f"enrol http://desk.example.net {min(shown)}" in answer.text
    assert not CODE.search(alice.get("/computers/add").text)
    stored = db.session.scalars(select(EnrolCode)).all()
    assert {code.network for code in stored} == {"10.1.0.0/16"}
    assert {code.user_id for code in stored} != {None}
    audit = str([row.changes for row in db.session.scalars(select(AuditEntry))])
    assert not any(code.replace("-", "") in audit.replace("-", "") for code in shown)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"site": "99"}, "Choose a site"),
        ({"count": "0"}, "Between 1 and 200"),
        ({"count": "201"}, "Between 1 and 200"),
        ({"count": "x"}, "Between 1 and 200"),
        ({"network": "10.1.0.0/99"}, "is no network such as"),
    ],
)
def test_what_makes_no_code_is_said(alice, site, change, words):
    answer = alice.post("/computers/add", data={"site": site.id, "count": 1} | change)
    assert answer.status_code == 422
    assert words in answer.text
    assert db.session.scalars(select(EnrolCode)).all() == []


def test_an_open_code_is_revoked_and_opens_nothing_any_more(alice, desk):
    code = desk.code()
    row = desk.one(EnrolCode)
    assert f"#{row.id}" in alice.get("/computers/add").text
    assert alice.post("/computers/codes/revoke", data={"id": row.id}).status_code == 303
    assert Pc(desk, code=code).enrol().status_code == 401


def test_a_machine_that_came_back_is_accepted_or_refused(alice, desk):
    old = Pc(desk)
    old.enrol()
    second, third = Pc(desk), Pc(desk)
    for one in (second, third):
        assert one.enrol().json["state"] == "review"
    page = alice.get("/computers/add").text
    assert page.count('value="accept"') == 2
    assert 'bd-count">2' in page or ">2<" in page
    alice.post(f"/computers/review/{third.agent().id}", data={"decision": "refuse"})
    alice.post(f"/computers/review/{second.agent().id}", data={"decision": "accept"})
    states = [agent.state for agent in desk.all(Agent)]
    assert states == ["revoked", "active", "revoked"]
    assert [one.report().status_code for one in (old, second, third)] == [401, 200, 401]
    again = alice.post(f"/computers/review/{second.agent().id}", data={"decision": "refuse"})
    assert again.status_code == 404


def test_the_page_of_a_computer_revokes_its_agent(alice, desk):
    pc = Pc(desk)
    pc.enrol()
    assert alice.post(f"/computers/{pc.agent().computer_id}/revoke").status_code == 303
    assert pc.report().status_code == 401


def test_who_only_reads_makes_no_code(app, bob_reads, bob, site):
    assert bob.get("/computers/add").status_code == 403
    assert bob.post("/computers/add", data={"site": site.id, "count": 1}).status_code == 403
    assert bob.post("/computers/codes/revoke").status_code == 403
    assert bob.post("/computers/review/1").status_code == 403
    assert "/computers/add" not in bob.get("/computers/").text
