"""Attacks on the phones' door, each by its name, and the good phones that must not suffer."""

import sqlite3
from datetime import timedelta

import pytest
from sqlalchemy import select
from werkzeug.test import Client

from provisioning.answer import digest
from tests.webapp.doors.cast import BODY, MAC, add_phone, add_site, commit
from tests.webapp.doors.test_windows import AWAY, HOME, ask, change, close, give_own_key
from webapp import create_app
from webapp.doors import mount, phones_door, reread
from webapp.doors.failures import GUESSES, NEIGHBOURS, REFUSED
from webapp.extensions import db, utcnow
from webapp.models import Alert, AuditEntry, Ban, Fetch, Phone

THIEF = "198.51.100.66"
FIRST = 0x0C383E001000


def macs(count, first=FIRST):
    return [f"{first + step:012x}" for step in range(count)]


def kinds(door):
    return {alert.kind: alert.times for alert in door.logged(Alert.open())}


def walk(door, count=NEIGHBOURS, address=THIEF, **more):
    for mac in macs(count, **more):
        ask(door, address, f"{mac}.cfg")
    door.door.fetch_log.flush()


def test_a_walk_over_neighbours_leaks_nothing_and_is_told_on_every_database(door_everywhere):
    door = door_everywhere
    for mac in macs(8):
        close_one(add_phone(door.site, mac))
    answers = {ask(door, THIEF, f"{mac}.cfg").data for mac in macs(64)}
    assert answers == {b"Not found\n"}
    assert door.logged(Ban.running(utcnow()))[0].source == THIEF
    (alert,) = door.logged(Alert.open().where(Alert.kind == "walk"))
    assert alert.source == THIEF
    assert (alert.params["minutes"], alert.params["count"]) == (15, NEIGHBOURS)
    assert alert.message % alert.params
    (row,) = door.logged(select(AuditEntry).where(AuditEntry.entity == "Ban"))
    assert (row.actor, row.label) == ("phones' door", THIEF)


def close_one(phone):
    phone.disarm()
    commit()


def test_who_walks_gets_no_phone_in_its_window_any_more(door):
    walk(door)
    assert ask(door, THIEF).status_code == 404
    assert door.logged(Fetch.newest_first())[0].reason == "banned"
    assert ask(door, HOME).data == BODY


def test_a_thousand_wrong_fetches_do_not_stop_fifty_good_phones_behind_the_same_address(door):
    good = macs(50, 0x0C383E020000)
    for number, mac in enumerate(good):
        phone = add_phone(door.site, mac)
        if number % 2:
            phone.pinned_network = "203.0.113.0/24"
        else:
            phone.key_digest = digest(f"own {mac}")
            phone.disarm()
    commit()
    for step in range(1000):
        ask(door, HOME, f"{FIRST + step:012x}.cfg", key="guess" if step % 2 else None)
    door.door.fetch_log.flush()
    assert door.logged(Ban.running(utcnow()))
    for number, mac in enumerate(good):
        key = None if number % 2 else f"own {mac}"
        assert ask(door, HOME, f"{mac}.cfg", key).data == BODY


def test_two_processes_share_a_ban(door, monkeypatch):
    """Two applications on one database share as little memory as two processes."""
    assert ask(door, THIEF, method="HEAD").status_code == 200
    other = mount(create_app(door.app.extensions["belldesk"]))
    client = Client(other)
    for mac in macs(NEIGHBOURS):
        path = f"/p/{door.key}/{mac}.cfg"
        client.get(path, environ_overrides={"REMOTE_ADDR": THIEF})
    phones_door(other).close()
    now = reread.time.monotonic() + reread.READ_EVERY
    monkeypatch.setattr(reread.time, "monotonic", lambda: now)
    assert ask(door, THIEF).status_code == 404
    assert door.logged(Fetch.newest_first())[0].reason == "banned"
    assert ask(door, HOME).data == BODY


def test_a_ban_grows_each_time_and_is_forgiven_in_the_end(door_everywhere):
    door = door_everywhere
    lengths = []
    for turn in range(5):
        walk(door, first=FIRST + turn * 0x1000)
        (ban,) = door.logged(select(Ban))
        lengths.append(ban.until - ban.since)
        ban.until = utcnow() - timedelta(seconds=1)
        commit()
    assert lengths == [timedelta(minutes=15), *(timedelta(hours=h) for h in (1, 6, 24, 24))]
    ban.until = utcnow() - timedelta(days=8)
    commit()
    walk(door, first=FIRST + 0x10000)
    assert door.logged(select(Ban))[0].times == 1


def test_who_is_banned_is_not_banned_again_meanwhile(door):
    walk(door)
    walk(door, first=FIRST + 0x1000)
    assert [ban.times for ban in door.logged(select(Ban))] == [1]


def test_wrong_keys_by_the_hundred_are_a_ban_by_the_dozen_they_are_not(door):
    for number in range(GUESSES - 1):
        ask(door, THIEF, key=f"guess {number}")
    assert kinds(door) == {}
    ask(door, THIEF, key="one more")
    assert kinds(door) == {"ban": 1}


def test_what_a_customers_own_phones_do_wrong_is_no_failure(door):
    """Files that do not exist, a key that was replaced, the same new phones again and again."""
    for mac in macs(40):
        add_phone(door.site, mac)
    old = door.key
    door.site.new_key(utcnow() - timedelta(seconds=1))
    commit()
    for mac in macs(40):
        for file in (f"{mac}.boot", f"{mac}-phone.cfg", f"{mac}.cfg"):
            ask(door, HOME, file, old)
    for _ in range(50):
        for mac in macs(NEIGHBOURS - 1, 0x0C383E030000):
            ask(door, HOME, f"{mac}.cfg", door.site.key)
    assert door.logged(select(Ban)) == []
    assert set(kinds(door)) == {"old_key"}


def test_a_whole_site_that_got_another_address_is_told_but_not_banned(door):
    for mac in macs(REFUSED - 1):
        add_phone(door.site, mac).pinned_network = "203.0.113.0/24"
    commit()
    for mac in macs(REFUSED - 1):
        ask(door, AWAY, f"{mac}.cfg")
    assert door.logged(select(Ban)) == []
    assert len(door.logged(Alert.open().where(Alert.kind == "other_network"))) == REFUSED - 1


def test_a_phone_before_a_closed_window_is_told_once_and_counted_on_every_database(
    door_everywhere,
):
    door = door_everywhere
    close(door)
    for _ in range(3):
        ask(door, HOME)
        door.door.fetch_log.flush()
    (alert,) = door.logged(Alert.open())
    assert (alert.kind, alert.times, alert.phone_id) == ("closed_window", 3, door.phone.id)
    assert alert.site_id == door.site.id
    alert.closed_at = utcnow()
    commit()
    ask(door, HOME)
    assert [again.times for again in door.logged(Alert.open())] == [1]


def test_a_key_that_was_replaced_is_told(door):
    old = door.key
    door.site.new_key()
    commit()
    assert ask(door, THIEF, key=old).status_code == 404
    (alert,) = door.logged(Alert.open())
    assert (alert.kind, alert.source) == ("old_key", THIEF)
    assert old not in str((alert.message, alert.params))


def test_a_phones_own_key_from_a_new_network_is_served_and_told(door):
    key = give_own_key(door)
    ask(door, HOME)
    ask(door, HOME, key=key)
    assert kinds(door) == {}
    assert ask(door, AWAY, key=key).data == BODY
    assert kinds(door) == {"own_key_away": 1}


def test_a_walk_by_many_addresses_of_one_ipv6_host_is_one_source(door):
    for step, mac in enumerate(macs(NEIGHBOURS)):
        ask(door, f"2001:db8::{step:x}", f"{mac}.cfg")
    assert [ban.source for ban in door.logged(select(Ban))] == ["2001:db8::/64"]


def test_an_alert_survives_its_phone(door):
    close(door)
    ask(door, HOME)
    db.session.delete(door.phone)
    commit()
    (alert,) = door.logged(Alert.open())
    assert (alert.kind, alert.phone_id) == ("closed_window", None)


@pytest.mark.parametrize("policy", ["lan", "armed", "strict"])
def test_another_sites_key_opens_nothing(door, policy):
    other = add_site()
    change(door, policy=policy)
    assert ask(door, key=other.key).status_code == 404


def test_neither_the_database_nor_the_log_holds_a_password_or_a_key(door, caplog):
    caplog.set_level("DEBUG")
    key = give_own_key(door)
    walk(door)
    for known in (door.key, key, "a wrong one"):
        ask(door, HOME, key=known)
    door.logged(Phone.with_mac(MAC))
    path = door.app.extensions["belldesk"].instance / "belldesk.sqlite3"
    with sqlite3.connect(path) as connection:
        dump = "\n".join(connection.iterdump())
    for secret in ("secret of the phone", door.key, key, "a wrong one"):
        assert secret not in dump
        assert secret.encode().hex().upper() not in dump.upper()
        assert secret not in caplog.text
