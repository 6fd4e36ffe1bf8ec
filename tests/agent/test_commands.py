import threading
import time

import pytest

from agent import moments, verbs
from agent.commands import Commands, bounded, newest
from tests.agent.desk import mac, params_digest

SECRET = bytes(range(32))


@pytest.fixture
def said(monkeypatch):
    """What was carried out, in place of a real verb."""
    done = []
    monkeypatch.setitem(
        verbs.KNOWN, "message", lambda params, _stop: {"n": done.append(params) or len(done)}
    )
    return done


class Desk:
    def __init__(self, state):
        self.told = threading.Event()
        self.commands = Commands(state, SECRET, time.time, self.told.set)

    def give(self, verb="message", params=None, number="1", lasts=60, secret=SECRET, changes=()):
        expires, params = moments.iso(time.time() + lasts), params or {}
        signed = mac(secret, "command", number, verb, expires, params_digest(params))
        command = {"id": number, "verb": verb, "params": params, "expires": expires, "mac": signed}
        self.told.clear()
        self.commands.take([{**command, **dict(changes)}])
        assert self.told.wait(20)
        return self.commands.results()[-1]


@pytest.fixture
def desk(state):
    desk = Desk(state)
    yield desk
    desk.commands.stop()


def test_a_signed_command_is_carried_out_and_told_of(desk, said):
    result = desk.give(params={"text": "Grüße\n€"})
    assert (result["command"], result["state"], result["result"]) == ("1", "done", {"n": 1})
    assert said == [{"text": "Grüße\n€"}]


@pytest.mark.parametrize(
    "changes",
    [
        {"params": {"text": "changed"}},
        {"verb": "terminate"},
        {"expires": "2099-01-01T00:00:00.000Z"},
        {"id": "2"},
        {"mac": "0" * 64},
        {"mac": None},
        {"expires": None},
    ],
)
def test_a_command_changed_on_the_way_is_refused(desk, said, changes):
    result = desk.give(changes=changes)
    assert result["state"] == "refused"
    assert "forged" in result["result"]["error"]
    assert said == []


def test_a_stranger_s_command_is_refused(desk, said):
    assert desk.give(secret=bytes(32))["state"] == "refused"
    assert said == []


def test_an_expired_command_is_refused(desk, said):
    assert desk.give(lasts=-1)["result"] == {"error": "expired"}
    assert said == []


def test_a_number_is_carried_out_once_even_after_a_restart(desk, state, said):
    desk.give(number="7")
    assert "seen" in desk.give(number="7")["result"]["error"]
    again = Desk(state)
    assert "seen" in again.give(number="7")["result"]["error"]
    again.commands.stop()
    assert len(said) == 1


@pytest.mark.parametrize("verb", ["shell", "__class__", "run", ""])
def test_there_is_no_other_verb(desk, verb):
    assert "unknown verb" in desk.give(verb=verb)["result"]["error"]


def test_results_wait_through_a_restart_until_the_desk_has_them(desk, state, said):
    result = desk.give()
    again = Commands(state, SECRET, time.time, lambda: None)
    assert again.results() == [result]
    again.told([result])
    assert Commands(state, SECRET, time.time, lambda: None).results() == []
    again.stop()


def test_a_verb_that_breaks_is_told_and_breaks_nothing(desk, monkeypatch, said):
    monkeypatch.setitem(verbs.KNOWN, "probe", lambda *_: 1 / 0)
    assert desk.give("probe", number="1")["state"] == "failed"
    assert desk.give(number="2")["state"] == "done"


def test_results_that_wait_are_bounded_and_the_newest_stay():
    rows = [{"command": str(n), "result": {"text": "x" * 500_000}} for n in range(9)]
    assert [row["command"] for row in newest(rows)] == ["6", "7", "8"]
    assert len(newest([{"command": str(n)} for n in range(200)])) == 50


def test_a_result_that_is_too_long_is_cut_and_says_so():
    rows = [{"name": "x" * 1000} for _ in range(2000)]
    cut = bounded({"processes": rows})
    assert cut["cut"] is True
    assert 100 < len(cut["processes"]) < 600
    assert bounded({"processes": rows[:2]}) == {"processes": rows[:2]}
