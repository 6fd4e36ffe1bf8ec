"""The phones' door after the key: windows, pins, own keys and bootstraps."""

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import select

from provisioning.answer import digest
from tests.webapp.doors.cast import BODY, MAC, add_phone, commit
from webapp.doors.log_rows import LogRows
from webapp.doors.pins import FreshPins
from webapp.doors.trace import fetch_as
from webapp.doors.watch import Watch
from webapp.extensions import db, utcnow
from webapp.models import Alert, AuditEntry, Bootstrap, Fetch, Phone

HOUR = timedelta(hours=1)
HOME, NEXT_DOOR, AWAY = "203.0.113.9", "203.0.113.77", "198.51.100.9"
SHORT = b"<sysConf><url>http://desk/p/own/</url></sysConf>\n"


def ask(door, address=HOME, file=f"{MAC}.cfg", key=None, **more):
    return door.ask(file, key, environ_overrides={"REMOTE_ADDR": address}, **more)


def pinned(door):
    return door.logged(Phone.with_mac(MAC))[0].pinned_network


def change(door, **values):
    for name, value in values.items():
        setattr(door.phone if hasattr(Phone, name) else door.site, name, value)
    commit()


def close(door):
    change(door, armed_until=utcnow() - timedelta(seconds=1))


def give_own_key(door, key="its own key"):
    change(door, key_digest=digest(key))
    return key


def add_bootstrap(phone):
    made = Bootstrap(
        phone_id=phone.id,
        sha256=hashlib.sha256(SHORT).hexdigest(),
        body=SHORT,
        size=len(SHORT),
        content_type="text/xml",
    )
    db.session.add(made)
    commit()


def test_the_first_good_fetch_pins_the_network_on_every_database(door_everywhere):
    door = door_everywhere
    assert ask(door).data == BODY
    assert pinned(door) == "203.0.113.0/24"
    close(door)
    assert ask(door, NEXT_DOOR).data == BODY
    assert ask(door, AWAY).status_code == 404


def test_a_closed_window_serves_nobody_who_was_not_there_on_every_database(door_everywhere):
    door = door_everywhere
    close(door)
    assert ask(door).status_code == 404
    assert pinned(door) is None
    assert [fetch.reason for fetch in door.logged(Fetch.newest_first())] == ["closed_window"]


def test_a_second_network_is_refused_before_the_pin_is_written(door):
    assert ask(door).data == BODY
    assert ask(door, AWAY).status_code == 404
    assert ask(door, NEXT_DOOR).data == BODY
    assert pinned(door) == "203.0.113.0/24"


def test_a_thread_that_comes_second_is_judged_again(door, monkeypatch):
    monkeypatch.setattr(FreshPins, "seen", lambda self, stored: stored)
    assert ask(door).data == BODY
    monkeypatch.undo()
    assert ask(door, AWAY).status_code == 404
    give_own_key(door)
    assert ask(door, AWAY, key="its own key").data == BODY


def test_arming_again_forgets_the_network_at_once(door):
    ask(door)
    pinned(door)
    phone = door.logged(Phone.with_mac(MAC))[0]
    phone.arm(utcnow() + timedelta(hours=1))
    commit()
    assert ask(door, AWAY).data == BODY
    assert pinned(door) == "198.51.100.0/24"


def test_neither_head_nor_a_refusal_nor_a_look_pins(door):
    ask(door, method="HEAD")
    ask(door, key="wrong")
    assert fetch_as(MAC, address=HOME).served
    assert pinned(door) is None
    assert ask(door, AWAY).data == BODY


def test_a_phone_that_has_the_file_already_is_pinned(door):
    etag = ask(door, method="HEAD").headers["ETag"]
    assert ask(door, headers={"If-None-Match": etag}).status_code == 304
    assert pinned(door) == "203.0.113.0/24"


def test_the_pin_that_was_first_stays_on_every_database(door_everywhere):
    """Two processes served two networks in the same moment."""
    door = door_everywhere
    entries = []
    door.door.fetch_log.add = entries.append
    for address in (HOME, AWAY):
        door.door.judge.pins = FreshPins()
        assert ask(door, address).data == BODY
    watch = Watch(db.engine)
    for entry in entries:
        LogRows(db.engine, watch).write([entry])
    watch.write()
    assert pinned(door) == "203.0.113.0/24"
    (alert,) = door.logged(Alert.open())
    assert (alert.kind, alert.phone_id) == ("two_networks", door.phone.id)
    assert alert.params == {"address": AWAY, "mac": "0c:38:3e:00:00:01"}


def test_its_own_key_opens_from_anywhere_and_after_the_window(door_everywhere):
    door = door_everywhere
    key = give_own_key(door)
    ask(door)
    pinned(door)
    close(door)
    assert ask(door, AWAY, key=key).data == BODY
    assert pinned(door) == "203.0.113.0/24"


def test_its_own_key_opens_no_neighbour(door):
    key = give_own_key(door)
    add_phone(door.site, "0c383e000002")
    assert ask(door, file="0c383e000002.cfg", key=key).status_code == 404


def test_its_previous_key_opens_until_its_time_on_every_database(door_everywhere):
    door = door_everywhere
    key = give_own_key(door)
    until = utcnow() + timedelta(hours=1)
    change(door, previous_key_digest=digest(key), key_digest=None, previous_key_until=until)
    assert ask(door, key=key).data == BODY
    change(door, previous_key_until=utcnow() - timedelta(seconds=1))
    assert ask(door, key=key).status_code == 404
    assert door.logged(Fetch.newest_first())[0].reason == "old_key"


def test_a_lan_site_serves_inside_its_networks_at_any_time(door):
    change(door, policy="lan", networks="203.0.113.0/28")
    close(door)
    assert ask(door).data == BODY
    assert ask(door, NEXT_DOOR).status_code == 404
    assert door.logged(Fetch.newest_first())[0].reason == "not_allowed"


def test_a_strict_site_gives_the_bootstrap_first_and_the_file_for_its_own_key_only(
    door_everywhere,
):
    door = door_everywhere
    key = give_own_key(door)
    add_bootstrap(door.phone)
    change(door, policy="strict")
    answer = ask(door)
    assert (answer.data, answer.headers["Content-Length"]) == (SHORT, str(len(SHORT)))
    assert ask(door, AWAY).status_code == 404
    phone = door.logged(Phone.with_mac(MAC))[0]
    assert (phone.state, phone.pinned_network) == ("never", "203.0.113.0/24")
    close(door)
    assert ask(door).status_code == 404
    assert ask(door, key=key).data == BODY
    assert door.logged(Phone.with_mac(MAC))[0].state == "current"


def test_a_strict_site_without_a_bootstrap_gives_nothing(door):
    change(door, policy="strict")
    assert ask(door).status_code == 404
    assert door.logged(Fetch.newest_first())[0].reason == "no_revision"
    assert pinned(door) is None


@pytest.mark.parametrize("policy", ["lan", "armed", "strict"])
def test_a_spoofed_forwarded_address_opens_nothing(door, policy):
    change(door, policy=policy, networks="203.0.113.0/28")
    ask(door)
    pinned(door)
    close(door)
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP"):
        assert ask(door, AWAY, headers={name: HOME}).status_code == 404


def strict(door):
    key = give_own_key(door)
    add_bootstrap(door.phone)
    change(door, policy="strict")
    return key


def test_its_own_key_ends_a_strict_phones_window_on_every_database(door_everywhere):
    door = door_everywhere
    key = strict(door)
    assert ask(door).data == SHORT
    assert ask(door, key=key).data == BODY
    assert ask(door).status_code == 404, "at once in this process"
    phone = door.logged(Phone.with_mac(MAC))[0]
    assert (phone.armed_until, phone.pinned_network) == (None, "203.0.113.0/24")
    door.door.judge.pins = FreshPins()
    assert ask(door).status_code == 404, "and from the database in another"
    assert ask(door, key=key).data == BODY
    [row] = door.logged(select(AuditEntry).where(AuditEntry.action == "disarm"))
    assert (row.actor, row.entity, row.entity_id) == ("phones' door", "Phone", phone.id)


def test_a_window_opened_again_is_not_ended_by_what_came_before(door_everywhere):
    door = door_everywhere
    key = strict(door)
    entries = []
    door.door.fetch_log.add = entries.append
    ask(door, key=key)
    until = utcnow() + timedelta(hours=9)
    change(door, armed_until=until)
    assert ask(door).data == SHORT
    LogRows(db.engine, Watch(db.engine)).write(entries)
    assert door.logged(Phone.with_mac(MAC))[0].armed_until == until


@pytest.mark.parametrize("policy", ["lan", "armed"])
def test_elsewhere_its_own_key_ends_no_window(door, policy):
    key = give_own_key(door)
    change(door, policy=policy)
    assert ask(door, key=key).data == BODY
    assert door.logged(Phone.with_mac(MAC))[0].is_armed


def test_neither_head_nor_the_key_before_nor_a_look_ends_a_window(door):
    key = strict(door)
    ask(door, key=key, method="HEAD")
    assert fetch_as(MAC, address=HOME, key=key).served
    change(door, previous_key_digest=digest("before"), previous_key_until=utcnow() + HOUR)
    assert ask(door, key="before").data == BODY
    assert door.logged(Phone.with_mac(MAC))[0].is_armed


def test_where_a_password_is_asked_for_the_window_stays_for_a_file_that_breaks_off(door):
    key = strict(door)
    change(door, door_auth="digest", door_password="the phone's password")
    assert ask(door, key=key).data == BODY
    assert ask(door, key=key).data == BODY, "it may not have got the password yet"
    assert door.logged(Phone.with_mac(MAC))[0].is_armed
