"""Refusals take the same time, whatever their cause: a clock must not tell which phones exist."""

import gc
import statistics
import time

from provisioning.answer import digest
from tests.webapp.doors.cast import MAC, add_phone, commit
from tests.webapp.doors.test_windows import HOME, change
from webapp.doors.fetch_log import FetchLog

ROUNDS = 400
TOLERANCE = 0.25  # between the fastest and the slowest cause; without even_out it is far more


def causes(door):
    """A request of each cause of refusal that can be told from outside: file and key."""
    closed = add_phone(door.site, "0c383e0000c1", body=b"<secret/>" * 1500)
    closed.disarm()
    away = add_phone(door.site, "0c383e0000a1")
    away.pinned_network = "10.1.1.0/24"
    old = add_phone(door.site, "0c383e0000d1")
    old.previous_key_digest = digest("old")
    commit()
    return {
        "unknown phone": ("0c383e0000e1.cfg", door.key),
        "wrong key": (f"{MAC}.cfg", "wrong-key-of-the-very-same-length"),
        "both wrong": ("0c383e0000e1.cfg", "wrong-key-of-the-very-same-length"),
        "closed window": ("0c383e0000c1.cfg", door.key),
        "other network": ("0c383e0000a1.cfg", door.key),
        "old key": ("0c383e0000d1.cfg", "old"),
        "unknown file": (f"{MAC}.xml", door.key),
    }


def measured(door, requests):
    """Median microseconds of each, all asked in turn so that they see the same weather."""
    times = {cause: [] for cause in requests}
    asked = {cause: environ(*request) for cause, request in requests.items()}
    gc.disable()
    try:
        for _ in range(ROUNDS):
            for cause, environment in asked.items():
                start = time.perf_counter()
                b"".join(door.door(environment, lambda status, headers: None))
                times[cause].append((time.perf_counter() - start) * 1e6)
    finally:
        gc.enable()
    return {cause: statistics.median(found) for cause, found in times.items()}


def environ(file, key):
    return {"REQUEST_METHOD": "GET", "PATH_INFO": f"/p/{key}/{file}", "REMOTE_ADDR": HOME}


def test_refusals_take_the_same_time(door, monkeypatch):
    monkeypatch.setattr(FetchLog, "add", lambda self, entry: None)
    requests = causes(door)
    measured(door, requests)
    for _ in range(5):  # a busy machine may spoil one measurement, not five
        found = measured(door, requests)
        if max(found.values()) < min(found.values()) * (1 + TOLERANCE):
            return
    raise AssertionError(found)


def test_and_so_do_questions_for_a_password(door, monkeypatch):
    monkeypatch.setattr(FetchLog, "add", lambda self, entry: None)
    values = {"armed_until": None, "pinned_network": "203.0.113.0/24"}
    change(door, door_auth="basic", door_password="0" * 24, **values)
    said = {"HTTP_AUTHORIZATION": "Basic MGMzODNlMDAwMDAxOnh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA=="}
    requests = {"there": (f"{MAC}.cfg", door.key), "not there": ("0c383e0000e1.cfg", door.key)}
    door.door.judge._schemes.look_again()
    monkeypatch.setitem(globals(), "environ", lambda *request, make=environ: make(*request) | said)
    measured(door, requests)
    for _ in range(5):
        found = measured(door, requests)
        if max(found.values()) < min(found.values()) * (1 + TOLERANCE):
            return
    raise AssertionError(found)
