from sqlalchemy import select

from tests.webapp.control.conftest import PROCESS, add_computer, answer, audited, commands
from webapp.extensions import db
from webapp.models import Snapshot

CRON = {**PROCESS, "pid": 5, "name": "cron"}
REUSED = {**PROCESS, "started": "2026-11-22T09:00:00.000Z"}


def keep(client, computer, *rows, note=""):
    client.post(f"/computers/{computer.id}/processes")
    answer(commands(verb="list_processes")[-1], processes=list(rows))
    return client.post(f"/computers/{computer.id}/snapshots", data={"note": note})


def kept():
    db.session.rollback()
    return db.session.scalars(select(Snapshot).order_by(Snapshot.id)).all()


def test_two_are_kept_with_who_and_when_and_compared(alice, computer):
    assert keep(alice, computer, PROCESS, CRON, note="before").status_code == 303
    keep(alice, computer, REUSED, CRON)
    old, new = kept()
    assert (old.user_name, old.note, len(old.rows)) == ("alice", "before", 2)
    assert old.at < new.at and len(audited("Snapshot")) == 2
    address = f"/computers/{computer.id}/snapshots"
    assert "before" in alice.get(address).text
    page = alice.get(f"{address}?old={old.id}&new={new.id}").text
    assert "Appeared: 1" in page and "Gone: 1" in page
    assert "cron" in alice.get(f"{address}/{old.id}.csv").text


def test_without_a_list_there_is_nothing_to_keep(alice, computer):
    assert alice.post(f"/computers/{computer.id}/snapshots").status_code == 422
    assert not kept()


def test_those_of_another_computer_are_not_found(alice, computer):
    keep(alice, computer, PROCESS)
    other, number = add_computer("PC-9"), kept()[0].id
    assert alice.get(f"/computers/{other.id}/snapshots/{number}.csv").status_code == 404
    assert alice.get(f"/computers/{other.id}/snapshots?old={number}").status_code == 404
