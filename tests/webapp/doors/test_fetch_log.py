"""The log of fetches: what becomes of a request after the phone was answered."""

import logging
import sqlite3
import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from tests.webapp.doors.cast import AGENT, BODY, MAC, add_phone, add_revision, add_site, commit
from webapp.doors import strays
from webapp.doors.fetch_log import FetchLog
from webapp.doors.flood import PER_SOURCE, FloodGate
from webapp.extensions import db
from webapp.models import Fetch, Phone, Stray

STRAY = "0c383e0000ee"


def phone_of(door):
    return door.logged(Phone.with_mac(MAC))[0]


def test_a_fetch_is_logged_on_every_database(door_everywhere):
    door = door_everywhere
    door.ask(f"{MAC}.cfg", headers={"User-Agent": AGENT})
    (fetch,) = door.logged(Fetch.newest_first())
    assert (fetch.transport, fetch.method, fetch.file) == ("http", "GET", f"{MAC}.cfg")
    assert (fetch.mac, fetch.address, fetch.user_agent) == (MAC, "127.0.0.1", AGENT)
    assert (fetch.status, fetch.reason, fetch.sent) == (200, "", len(BODY))
    assert (fetch.phone_id, fetch.site_id) == (door.phone.id, door.site.id)
    assert (fetch.revision_id, fetch.sha256) == (door.phone.revision_id, door.phone.revision_sha256)


def test_the_phone_is_current_after_it_on_every_database(door_everywhere):
    door = door_everywhere
    assert door.phone.state == "never"
    door.ask(f"{MAC}.cfg", headers={"User-Agent": AGENT})
    phone = phone_of(door)
    assert phone.state == "current"
    assert (phone.fetched_address, phone.fetched_by) == ("127.0.0.1", "http")
    assert (phone.firmware, phone.user_agent) == ("2.12.18.4", AGENT)
    assert phone.fetched_at is not None
    add_revision(phone, b"newer")
    commit()
    assert phone_of(door).state == "stale"


def test_a_phone_that_is_told_not_modified_has_that_revision(door):
    etag = door.ask(f"{MAC}.cfg", method="HEAD").headers["ETag"]
    assert phone_of(door).state == "never"
    door.ask(f"{MAC}.cfg", headers={"If-None-Match": etag})
    assert phone_of(door).state == "current"


def test_a_refused_phone_has_fetched_nothing(door):
    door.ask(f"{MAC}.cfg", "wrong")
    assert phone_of(door).fetched_at is None


def test_a_later_fetch_is_not_overwritten_on_every_database(door_everywhere):
    door = door_everywhere
    add_revision(door.phone, b"newer")
    commit()
    door.ask(f"{MAC}.cfg")
    newest = phone_of(door)
    later = newest.fetched_at + timedelta(hours=1)
    newest.fetched_at, newest.fetched_address = later, "10.9.9.9"
    commit()
    door.ask(f"{MAC}.cfg")
    assert (phone_of(door).fetched_at, phone_of(door).fetched_address) == (later, "10.9.9.9")


def test_firmware_stays_known_when_the_phone_is_silent(door):
    door.ask(f"{MAC}.cfg", headers={"User-Agent": AGENT})
    door.ask(f"{MAC}.cfg")
    assert (phone_of(door).firmware, phone_of(door).user_agent) == ("2.12.18.4", AGENT)


def test_it_logs_what_no_column_takes_on_every_database(door_everywhere):
    door = door_everywhere
    agent = "\x00\x1b[2J" + "x" * 2000
    door.ask("%00" + "y" * 400, headers={"User-Agent": agent})
    (fetch,) = door.logged(Fetch.newest_first())
    assert len(fetch.file) == 120
    assert len(fetch.user_agent) == 300
    assert fetch.file.isprintable()
    assert fetch.user_agent.isprintable()


def test_no_key_is_in_the_log(door):
    door.ask(f"{MAC}.cfg")
    door.ask(f"{MAC}.cfg", "a-wrong-key")
    assert door.logged(Fetch.newest_first())
    text = str(db.session.execute(select(Fetch.__table__)).all())
    assert door.key not in text
    assert "a-wrong-key" not in text


def test_an_unknown_phone_with_the_key_waits_for_adoption_on_every_database(door_everywhere):
    door = door_everywhere
    for _ in range(3):
        door.ask(f"{STRAY}.cfg", headers={"User-Agent": f"Fanvil X1SG 2.12.1 {STRAY}"})
    door.logged(select(Stray))
    door.ask(f"{STRAY.upper()}.cfg")
    (stray,) = door.logged(select(Stray))
    assert (stray.mac, stray.site_id, stray.times) == (STRAY, door.site.id, 4)
    assert (stray.vendor, stray.model, stray.firmware) == ("fanvil", "fanvil-x1sg", "2.12.1")
    assert (stray.address, stray.transport) == ("127.0.0.1", "http")
    assert stray.first_seen <= stray.last_seen


@pytest.mark.parametrize(
    ("file", "agent"),
    [
        ("fefefefefefe.cfg", "curl/8"),  # nobody's prefix, no phone's words
        ("0d383e000001.cfg", AGENT),  # a group's address
        ("index.html", "curl/8"),
    ],
)
def test_what_is_no_phone_does_not_wait_for_adoption(door, file, agent):
    door.ask(file, headers={"User-Agent": agent.replace(MAC, "")})
    assert door.logged(select(Stray)) == []


def test_an_unknown_phone_with_a_wrong_key_does_not_either(door):
    door.ask(f"{STRAY}.cfg", "wrong")
    assert door.logged(select(Stray)) == []


def test_the_queue_is_capped_by_site_and_says_so_once_an_hour(door, monkeypatch, caplog):
    monkeypatch.setattr(strays, "PER_SITE", 3)
    monkeypatch.setattr(strays, "FULL", strays.FullQueues())
    for last in range(5):
        door.ask(f"0c383e1000{last:02x}.cfg")
    assert len(door.logged(select(Stray))) == 3
    assert f"of site {door.site.id} is full: 2 times" in caplog.text
    door.ask("0c383e1000aa.cfg")
    assert len(door.logged(select(Stray))) == 3
    assert caplog.text.count("is full") == 1
    other = add_site()
    door.ask(f"{STRAY}.cfg", other.key)
    assert len(door.logged(select(Stray))) == 4


def test_a_flood_of_refusals_is_cut_and_counted(door):
    for _ in range(PER_SOURCE + 40):
        door.ask(f"{MAC}.cfg", "wrong")
    door.ask(f"{MAC}.cfg")
    rows = door.logged(Fetch.newest_first())
    assert [row.reason for row in rows].count("wrong_key") == PER_SOURCE
    assert rows[0].reason == ""


def test_new_phones_beyond_the_flood_line_still_wait_for_adoption(door):
    for last in range(PER_SOURCE + 40):
        door.ask(f"0c383e1000{last:02x}.cfg")
    assert len(door.logged(select(Stray))) == PER_SOURCE + 40
    assert len(door.logged(Fetch.newest_first())) == PER_SOURCE


def test_the_flood_gate_opens_again_and_tells_once_what_it_held_back(monkeypatch):
    gate, now = FloodGate(per_source=2), [1000.0]
    monkeypatch.setattr("webapp.doors.flood.time.monotonic", lambda: now[0])
    assert [gate.lets_in("10.0.0.1") for _ in range(5)] == [True, True, False, False, False]
    assert gate.lets_in("10.0.0.2")
    now[0] += 61
    assert gate.held_back() == [("10.0.0.1", 3)]
    assert gate.held_back() == []
    assert gate.lets_in("10.0.0.1")


def test_a_whole_ipv6_network_is_one_source():
    gate = FloodGate(per_source=1)
    assert gate.lets_in("2001:db8::1")
    assert not gate.lets_in("2001:db8::2")
    assert gate.lets_in("2001:db8:0:1::1")


def test_a_full_queue_drops_the_oldest_and_counts(door, caplog):
    log = door.door.fetch_log = FetchLog(db.engine, queue=3)
    log._writing.acquire()  # the database is slow
    for number in range(5):
        door.ask(f"{MAC}.cfg?{number}", headers={"User-Agent": f"agent {number}"})
    log._writing.release()
    rows = door.logged(Fetch.newest_first())
    assert [row.user_agent for row in rows] == ["agent 4", "agent 3", "agent 2"]
    assert "2 fetches were not logged" in caplog.text


def test_phones_are_served_while_the_database_is_locked_and_logged_afterwards(door, caplog):
    path = door.app.extensions["belldesk"].instance / "belldesk.sqlite3"
    db.session.remove()
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    assert door.ask(f"{MAC}.cfg").data == BODY
    with db.engine.connect() as impatient:
        impatient.exec_driver_sql("PRAGMA busy_timeout=10")
        impatient.commit()
    with pytest.raises(OperationalError):
        door.door.fetch_log.flush()
    writer.execute("COMMIT")
    writer.close()
    assert len(door.logged(Fetch.newest_first())) == 1


def test_a_row_the_database_refuses_takes_no_other_with_it(door, caplog):
    log = door.door.fetch_log
    for _ in range(3):
        door.ask(f"{MAC}.cfg")
    bad = log._entries[-1]._replace(status=None)
    log._entries.insert(1, bad)
    with caplog.at_level(logging.ERROR):
        assert len(door.logged(Fetch.newest_first())) == 3
    assert "cannot be logged" in caplog.text


def test_the_writer_writes_by_itself(door):
    written = threading.Event()
    log = door.door.fetch_log
    write = log._rows.write
    log._rows.write = lambda batch: (write(batch), written.set())
    door.ask(f"{MAC}.cfg")
    assert written.wait(20)
    assert db.session.scalar(select(func.count()).select_from(Fetch)) == 1


def test_the_end_of_the_process_writes_the_last_rows(door):
    door.ask(f"{MAC}.cfg")
    door.door.fetch_log.close()
    assert db.session.scalar(select(func.count()).select_from(Fetch)) == 1


def test_a_neighbours_walk_writes_few_rows_and_no_stray(door):
    add_phone(door.site, "0c383e000002")
    for last in range(256):
        door.ask(f"0c383e0000{last:02x}.cfg", "guess")
    rows = door.logged(Fetch.newest_first())
    assert len(rows) == PER_SOURCE
    assert {row.reason for row in rows} == {"wrong_key"}
    assert door.logged(select(Stray)) == []
