from datetime import timedelta

import pytest

from tests.conftest import PASSWORD
from tests.webapp.control.conftest import (
    PROCESS,
    add_computer,
    answer,
    audited,
    commands,
    the_command,
)
from webapp.extensions import db, utcnow

ONE = {"pid": "4711", "started": PROCESS["started"], "name": "notepad.exe"}
OTHER = {**PROCESS, "pid": 5, "name": "cron", "account": "root", "command": "cron -f"}


def listed(client, computer, *rows):
    client.post(f"/computers/{computer.id}/processes")
    answer(commands(verb="list_processes")[-1], processes=list(rows))


def ask_again(client, computer):
    """As the open page does."""
    fragment = {"HX-Request": "true"}
    return client.post(f"/computers/{computer.id}/processes", data={"watch": "1"}, headers=fragment)


def test_a_list_is_asked_for_once_and_audited(alice, computer):
    alice.post(f"/computers/{computer.id}/processes")
    alice.post(f"/computers/{computer.id}/processes")
    command = the_command()
    assert command.verb == "list_processes" and len(command.number) == 32
    assert timedelta(seconds=55) < command.expires_at - utcnow() <= timedelta(seconds=60)
    assert command.user.name == "alice"
    assert [entry.actor for entry in audited()] == ["alice"]


def test_the_page_shows_what_the_agent_told(alice, computer):
    listed(alice, computer, PROCESS, OTHER)
    page = alice.get(f"/computers/{computer.id}/processes").text
    for word in (
        "notepad.exe",
        "4711",
        "ACME\\marie",
        "notepad a.txt",
        "2026-11-22T08:00:00+00:00",
    ):
        assert word in page


def test_only_those_of_the_account_that_is_on_it(alice, computer):
    listed(alice, computer, PROCESS, OTHER)
    page = alice.get(f"/computers/{computer.id}/processes?mine=1").text
    assert "notepad.exe" in page and "cron" not in page
    assert "cron" in alice.get(f"/computers/{computer.id}/processes?q=CRON").text


def test_it_asks_for_itself_while_the_computer_is_up(alice, computer):
    address = f"/computers/{computer.id}/processes"
    alice.post(address)
    assert 'hx-trigger="every 1s"' in alice.get(address).text
    answer(the_command(), processes=[PROCESS])
    assert "delay:5s" in alice.get(address).text
    computer.reported_at = utcnow() - timedelta(minutes=10)
    db.session.commit()
    page = alice.get(address).text
    assert "delay:5s" not in page and "The computer is down" in page and "notepad.exe" in page


def test_an_open_page_fills_neither_audit_nor_table(alice, computer):
    listed(alice, computer, PROCESS)
    for _ in range(4):
        assert ask_again(alice, computer).status_code == 200
        answer(commands(verb="list_processes")[-1], processes=[PROCESS, OTHER])
    assert len(audited()) == 1
    found = commands(verb="list_processes")
    assert len(found) <= 3
    assert "cron" in alice.get(f"/computers/{computer.id}/processes").text


def test_what_was_known_stays_when_the_next_try_fails(alice, computer):
    listed(alice, computer, PROCESS)
    ask_again(alice, computer)
    answer(commands()[-1], "failed", error="The disk is on fire")
    page = alice.get(f"/computers/{computer.id}/processes").text
    assert "notepad.exe" in page and "The disk is on fire" in page
    assert "delay:5s" not in page


def test_nothing_is_asked_without_an_agent(alice, app):
    lost = add_computer("PC-8", state="revoked")
    answered = alice.post(f"/computers/{lost.id}/processes")
    assert answered.status_code == 422 and "no active agent" in answered.text
    assert not commands()


def test_a_process_is_ended_after_the_password(alice, computer):
    with alice.session_transaction() as session:
        session["confirmed_at"] = 0
    address = f"/computers/{computer.id}/terminate"
    assert alice.post(address, data=ONE).status_code == 403
    assert alice.post(address, data={**ONE, "confirm_password": "wrong"}).status_code == 403
    assert not commands()
    done = alice.post(address, data={**ONE, "confirm_password": PASSWORD})
    command = the_command()
    assert done.location == f"/computers/{computer.id}/commands/{command.id}"
    assert command.params == {**ONE, "pid": 4711}


@pytest.mark.parametrize("name", ["lsass.exe", "systemd", ""])
def test_a_protected_process_never_reaches_the_queue(alice, computer, name):
    answered = alice.post(f"/computers/{computer.id}/terminate", data={**ONE, "name": name})
    assert answered.status_code == 422
    assert not commands() and not audited()


def test_what_agents_tell_is_text_and_not_a_page(alice, computer):
    odd = {"pid": "x", "name": ["a"], "command": "<script>", "cpu": "hot", "memory": None}
    listed(alice, computer, odd, "no row", {**PROCESS, "name": "=1+1"})
    page = alice.get(f"/computers/{computer.id}/processes").text
    assert "<script>" not in page.split('id="live"')[1].split("</main>")[0]
    assert "'=1+1" in alice.get(f"/computers/{computer.id}/processes.csv").text


def test_who_may_not_control_sees_and_asks_nothing(anonymous, carol, computer):
    for client, status in ((anonymous, 302), (carol, 403)):
        for page in ("processes", "activity", "processes.csv", "activity.csv", "commands/1"):
            assert client.get(f"/computers/{computer.id}/{page}").status_code == status
        for deed in ("processes", "terminate"):
            assert client.post(f"/computers/{computer.id}/{deed}", data=ONE).status_code == status
    assert not commands() and not audited()


def test_who_controls_finds_only_what_is_there(bob_controls, computer):
    assert bob_controls.get(f"/computers/{computer.id}/processes").status_code == 200
    assert bob_controls.post("/computers/999/terminate", data=ONE).status_code == 404
    assert not commands()
