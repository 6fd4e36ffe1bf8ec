"""A computer's page: who was on it, its session log, and how to connect."""

import pytest
from sqlalchemy import select

from tests.webapp.computers.conftest import add_computer, add_event, add_use, minutes_ago
from webapp.computers.spans import spans
from webapp.computers.ways import ways_of
from webapp.extensions import db
from webapp.models import AuditEntry, Computer, ComputerUse, Connection


def test_the_page_shows_who_was_on_it_and_where_nothing_is_known(alice, computer):
    add_use(computer, "marie", since=300, until=200)
    add_use(computer, "joao", since=60)
    page = alice.get(f"/computers/{computer.id}").text
    assert page.index("ACME\\joao") < page.index("not known") < page.index("ACME\\marie")
    assert "still" in page


def test_gaps_are_told_and_overlaps_are_none(computer):
    add_use(computer, "marie", since=300, until=100)
    add_use(computer, "joao", since=250, until=200)
    add_use(computer, "joao", since=99, until=50)
    add_use(computer, "marie", since=20, until=10)
    uses = db.session.scalars(ComputerUse.of_computer(computer.id)).all()
    told = [span.use and span.use.account.name for span in spans(uses)]
    assert told == ["marie", None, "joao", "joao", "marie"]


def test_a_computer_that_is_down_has_nobody_who_is_still_on_it(alice):
    computer = add_computer(minutes=60)
    add_use(computer, "marie", since=90)
    assert ">still<" not in alice.get(f"/computers/{computer.id}").text
    use = db.session.scalar(select(ComputerUse))
    use.seen_at = minutes_ago(90)
    assert use.sure_until == computer.reported_at


def test_a_computer_that_is_not_there_is_not_found(alice):
    assert alice.get("/computers/99").status_code == 404


def test_the_session_log_says_what_its_numbers_mean(alice, computer):
    add_event(computer, 24, "a")
    add_event(computer, 21, "b", account="ACME\\joao")
    page = f"/computers/{computer.id}/log"
    assert "session disconnected" in alice.get(page).text
    assert "logon succeeded" in alice.get(page).text
    rows = {"HX-Request": "true"}
    assert "joao" not in alice.get(f"{page}?event=24", headers=rows).text
    assert "marie" not in alice.get(f"{page}?q=joao", headers=rows).text
    assert "No event fits" in alice.get(f"{page}?day=2001-01-01", headers=rows).text
    assert alice.get(f"{page}?day=junk&event=x", headers=rows).text.count("<tr>") == 3


def test_the_session_log_is_a_file_with_the_five_columns(alice, computer):
    add_event(computer, 21, "a", minutes=5, message="Logon; of =1+1")
    add_event(computer, 23, "b", minutes=1)
    answer = alice.get(f"/computers/{computer.id}/log.csv")
    assert 'filename="CZC1234.csv"' in answer.headers["Content-Disposition"]
    head, first, second = answer.text.removeprefix("\ufeff").splitlines()
    assert head == '"TimeCreated";"Id";"LevelDisplayName";"Message";"MachineName"'
    assert '"21";"Information";"Logon; of =1+1";"PC-7"' in first
    assert '"23"' in second


def test_only_ways_that_lead_somewhere_are_offered(computer):
    found = {way.tool: way for way in ways_of(computer)}
    assert set(found) == {"rdp", "ssh", "rustdesk"}  # AnyDesk's id was no id
    assert found["rdp"].target == "10.1.2.3:3389"
    assert found["ssh"].uri == "ssh://10.1.2.3:22"
    assert found["rustdesk"].uri == "rustdesk://123456789"
    assert [way.tool for way in ways_of(computer)][-1] == "ssh"  # it does not run


@pytest.mark.parametrize(
    "remote",
    [None, 1, "x", [1], [{"tool": "rdp", "port": "1; evil"}], [{"tool": []}], [{"tool": {}}],
     [{"tool": "teamviewer", "id": "1&evil=2"}], [{"tool": "vnc", "port": 99999}]],
)  # fmt: skip
def test_what_an_agent_makes_up_opens_nothing(alice, computer, remote):
    computer.facts = {"remote": remote, "os": [], "cpu": "x"}
    db.session.commit()
    assert alice.get(f"/computers/{computer.id}").status_code == 200
    assert all("evil" not in way.uri + way.target for way in ways_of(computer))


def test_connecting_asks_why_and_leaves_a_row(app, bob_reads, bob, computer):
    path = f"/computers/{computer.id}/connect/rdp"
    assert "Why" in bob.get(path).text
    assert bob.post(path, data={"reason": " "}).status_code == 422
    assert db.session.scalars(select(Connection)).all() == []
    answer = bob.post(path, data={"reason": "ticket 12"})
    assert 'filename="PC-7.rdp"' in answer.headers["Content-Disposition"]
    assert "full address:s:10.1.2.3:3389\r\n" in answer.text
    row = db.session.scalar(select(Connection))
    assert (row.user_name, row.way, row.reason) == ("bob", "rdp", "ticket 12")
    told = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "connect")).all()
    assert [one.changes["reason"] for one in told] == ["ticket 12"]
    assert "ticket 12" in bob.get(f"/computers/{computer.id}").text


def test_a_tool_opens_by_its_own_address(alice, computer):
    page = alice.post(f"/computers/{computer.id}/connect/rustdesk", data={"reason": "call"}).text
    assert 'href="rustdesk://123456789"' in page
    assert (
        alice.post(f"/computers/{computer.id}/connect/vnc", data={"reason": "x"}).status_code == 404
    )


def test_who_only_reads_cannot_revoke_or_delete(app, bob_reads, bob, computer):
    for deed in ("revoke", "delete"):
        assert bob.post(f"/computers/{computer.id}/{deed}").status_code == 403
    assert db.session.get(Computer, computer.id)


def test_a_deleted_computer_goes_with_its_history(alice, computer):
    add_use(computer, "marie", since=5)
    add_event(computer, 21, "a")
    assert alice.post(f"/computers/{computer.id}/delete").status_code == 303
    assert db.session.scalars(select(ComputerUse)).all() == []
