from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.webapp.control.conftest import (
    PROCESS,
    add_computer,
    answer,
    audited,
    commands,
    the_command,
)
from webapp.control import services
from webapp.control.params import ControlError
from webapp.extensions import db, utcnow
from webapp.models import User

ONE = {"pid": "4711", "started": PROCESS["started"], "name": "notepad.exe"}


def ended(client, computer):
    client.post(f"/computers/{computer.id}/terminate", data=ONE)
    return the_command(verb="terminate")


def page_of(client, command):
    return client.get(f"/computers/{command.computer_id}/commands/{command.id}").text


def test_a_command_is_followed_until_it_is_over(alice, computer):
    command = ended(alice, computer)
    page = page_of(alice, command)
    assert "waiting for its agent" in page and "every 1s" in page
    command.state = "sent"
    db.session.commit()
    assert "its agent is at it" in page_of(alice, command)
    answer(command, how="terminated")
    page = page_of(alice, command)
    assert "terminated" in page and "after 0." in page and "every 1s" not in page


@pytest.mark.parametrize("state", ["failed", "refused"])
def test_why_it_was_not_done_is_told(alice, computer, state):
    command = ended(alice, computer)
    answer(command, state, error="Number 4711 belongs to another process now.")
    page = page_of(alice, command)
    assert state in page and "belongs to another process" in page


@pytest.mark.parametrize(("state", "late"), [("queued", 61), ("sent", 121)])
def test_what_no_agent_answered_is_over(alice, computer, state, late):
    command = ended(alice, computer)
    command.state, command.expires_at = state, utcnow() - timedelta(seconds=late - 60)
    db.session.commit()
    assert "did not answer in time" in page_of(alice, command)
    assert the_command().state == "expired"


def test_an_agent_that_is_at_it_may_answer_late(alice, computer):
    command = ended(alice, computer)
    command.state, command.expires_at = "sent", utcnow() - timedelta(seconds=5)
    db.session.commit()
    assert "its agent is at it" in page_of(alice, command)


def test_the_queue_of_a_computer_is_bounded(alice, computer):
    for _ in range(services.MOST_OPEN):
        assert alice.post(f"/computers/{computer.id}/terminate", data=ONE).status_code == 303
    refused = alice.post(f"/computers/{computer.id}/terminate", data=ONE)
    assert refused.status_code == 422 and "already" in refused.text
    assert len(commands()) == services.MOST_OPEN
    for command in commands():
        command.expires_at = utcnow() - timedelta(seconds=1)
    db.session.commit()
    assert alice.post(f"/computers/{computer.id}/terminate", data=ONE).status_code == 303


def test_a_command_of_another_computer_is_not_found(alice, computer):
    command = ended(alice, computer)
    other = add_computer("PC-9")
    assert alice.get(f"/computers/{other.id}/commands/{command.id}").status_code == 404


def test_everything_asked_is_listed_with_who_and_what_came_of_it(alice, bob_controls, computer):
    answer(ended(alice, computer), how="terminated")
    bob_controls.post(f"/computers/{computer.id}/processes")
    page = alice.get(f"/computers/{computer.id}/activity").text
    for word in ("alice", "bob", "notepad.exe (4711)", "terminated", "List processes"):
        assert word in page
    lines = alice.get(f"/computers/{computer.id}/activity.csv").text.splitlines()
    assert len(lines) == 3 and "notepad.exe (4711)" in lines[2]
    assert {entry.actor for entry in audited()} == {"alice", "bob"}


def test_all_of_it_holds_on_every_database(everywhere):
    computer, alice = add_computer(), db.session.scalar(select(User).filter_by(name="alice"))
    first = services.queue(computer, alice, "terminate", ONE)
    db.session.commit()
    with pytest.raises(ControlError):
        services.queue(computer, alice, "terminate", {**ONE, "pid": "-1"})
    first.expires_at = utcnow() - timedelta(seconds=1)
    for _ in range(3):
        services.look(computer, alice, "list_processes", watching=True)
        db.session.commit()
        answer(commands(verb="list_processes")[-1], processes=[PROCESS])
    assert commands(verb="terminate")[0].state == "expired"
    assert services.newest_list(computer.id, "list_processes").result == {"processes": [PROCESS]}
    assert len(commands(verb="list_processes")) == 2
