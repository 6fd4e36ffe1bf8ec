"""Sources that are forged, or many: nobody else is banned by them, and nothing grows by them."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from provisioning.answer import Request, Verdict
from provisioning.identify import identify
from provisioning.registry import registry
from tests.webapp.doors.cast import BODY, commit
from tests.webapp.doors.test_attacks import FIRST, THIEF, kinds, macs, walk
from tests.webapp.doors.test_windows import HOME, ask
from webapp.doors import door_alerts, failures
from webapp.doors.entry import Entry, clean_file
from webapp.doors.failures import GUESSES, MOST_MACS, NEIGHBOURS, Failures
from webapp.extensions import db
from webapp.models import Alert, Ban, Fetch, Stray


def refused(mac, address=THIEF, reason="unknown_phone", transport="http"):
    request = Request(f"{mac}.cfg", address, transport=transport)
    clues = identify(request.file, "")
    return Entry.of(request, clues, Verdict(reason), method="GET", status=404, sent=0)


@pytest.mark.parametrize("reason", ["unknown_phone", "not_allowed"])
def test_forged_addresses_over_tftp_get_no_customer_banned(door_everywhere, reason):
    door = door_everywhere
    log = door.door.fetch_log
    for mac in macs(GUESSES):
        log.add(refused(mac, HOME, reason, "tftp"))
    log.flush()
    assert door.logged(select(Ban)) == []
    (alert,) = door.logged(Alert.open().where(Alert.kind == "walk"))
    assert alert.source == HOME
    assert "forged" in alert.message % alert.params
    assert ask(door, HOME).data == BODY


def test_what_is_forged_over_tftp_adds_nothing_to_what_came_over_http(door):
    for mac in macs(NEIGHBOURS - 1):
        door.door.fetch_log.add(refused(mac, HOME, transport="tftp"))
    for mac in macs(NEIGHBOURS - 1, FIRST + 64):
        ask(door, HOME, f"{mac}.cfg")
    assert door.logged(select(Ban)) == []


def test_who_walks_ten_thousand_addresses_while_he_is_banned_is_banned_again_after_it():
    counted = Failures()
    for mac in macs(MOST_MACS + 100):
        counted.count(refused(mac))
    assert any(counted.count(refused(mac)) for mac in macs(NEIGHBOURS, FIRST + 2 * MOST_MACS))


def test_the_same_new_phones_asking_again_are_no_walk_however_often():
    counted = Failures()
    for _ in range(100):
        for mac in macs(NEIGHBOURS - 1):
            assert counted.count(refused(mac)) == []


def test_what_is_remembered_of_sources_is_bounded(monkeypatch):
    monkeypatch.setattr(failures, "ALL_MACS", 1000)
    counted = Failures()
    for host in range(100):
        for mac in macs(64, FIRST + host * 1000):
            counted.count(refused(mac, f"198.51.100.{host}"))
    held = [len(record.macs) for record in counted._records.values()]
    assert sum(held) == counted._macs <= 1000
    assert held[-1] == 64


def test_a_thousand_sources_are_not_a_thousand_alerts(door_everywhere, monkeypatch):
    door = door_everywhere
    monkeypatch.setattr(door_alerts, "MOST_OPEN", 5)
    for host in range(12):
        walk(door, address=f"198.51.100.{host}")
    assert db.session.scalar(select(func.count(Alert.id))) == 6
    (rest,) = door.logged(Alert.open().where(Alert.source == door_alerts.OTHERS))
    assert (rest.kind, rest.times) == ("walk", 7)
    assert kinds(door) and rest.last_at <= datetime.now(UTC)


@pytest.mark.parametrize("transport", ["http", "tftp"])
def test_a_key_that_is_asked_for_as_a_file_stands_in_no_log(door, transport):
    door.site.networks = "192.0.2.0/24"
    commit()
    stranger = f"{FIRST:012x}"
    for file in (f"p/{door.key}/{stranger}.cfg", f"../{door.key}/{stranger}.cfg"):
        if transport == "http":
            ask(door, "192.0.2.7", file)
        else:
            request = Request(file, "192.0.2.7", transport="tftp")
            said = Entry.of(request, identify(file, ""), Verdict("unknown_phone"), method="GET",
                            status=404, sent=0)  # fmt: skip
            door.door.fetch_log.add(said)
    files = [fetch.file for fetch in door.logged(Fetch.newest_first())]
    files += [stray.file for stray in door.logged(select(Stray))]
    assert f"p/•••/{stranger}.cfg" in files
    assert door.key not in str(files)


def test_files_that_phones_ask_for_are_kept_as_they_are():
    for model in registry().models.values():
        for file in model.files("0c383e001000"):
            assert clean_file(file) == file
