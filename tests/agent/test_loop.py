"""One turn at a time, in this process, against a desk that speaks the contract."""

import pytest

from agent import moments, survey
from agent.enrol import enrol
from agent.loop import Loop
from agent.session_log import SessionLog
from agent.state import State

FACTS = {"identity": {"name": "PC-17"}, "os": {}}


def event(number):
    at = f"2026-11-22T08:00:{number:02d}.000Z"
    return {"uid": f"{at}/{number}", "at": at, "id": 21, "source": "linux"}


@pytest.fixture
def log(monkeypatch):
    events = [event(number) for number in range(5)]
    monkeypatch.setattr("agent.session_log.read", lambda _since: events)
    monkeypatch.setattr("agent.session_log.stamp", lambda: len(events))
    return events


@pytest.fixture
def loop(desk, state, log, monkeypatch):
    monkeypatch.setattr(survey, "full", lambda: {**FACTS, "not_permitted": []})
    enrol(state, desk.url, desk.new_code(), "", FACTS)
    loop = Loop(state, SessionLog())
    monkeypatch.setattr(loop._waiter, "start", lambda: None)
    yield loop
    loop.stop()
    loop.commands.stop()


def uids(report):
    return [row["uid"].rpartition("/")[2] for row in report.get("events", [])]


def test_events_begin_where_the_desk_stands_and_none_comes_twice(desk, loop, log):
    desk.answer["events_since"] = log[1]["at"]
    loop.turn()
    assert uids(desk.reports[0]) == []  # it does not know yet where the desk stands
    loop.turn()
    assert uids(desk.reports[1]) == ["1", "2", "3", "4"]
    desk.answer["events_since"] = log[4]["at"]
    loop.turn()
    log.append(event(7))
    loop.turn()
    assert [uids(report) for report in desk.reports[2:]] == [["2", "3", "4"], ["7"]]
    loop.turn()
    assert uids(desk.reports[-1]) == ["7"]  # until the desk says that it has it
    desk.answer["events_since"] = log[-1]["at"]
    loop.turn()
    loop.turn()
    assert uids(desk.reports[-1]) == []


def test_a_desk_without_any_gets_the_whole_log_in_pieces(desk, loop, monkeypatch):
    monkeypatch.setattr("agent.loop.AT_ONCE", 2)
    loop.turn()
    for _ in range(3):
        loop.turn()
        desk.answer["events_since"] = desk.reports[-1]["events"][-1]["at"]
    loop.turn()
    assert uids(desk.reports[1]) == ["0", "1"]
    sent = {uid for report in desk.reports for uid in uids(report)}
    assert sent >= {"0", "1", "2"}


def test_a_long_past_goes_in_pieces_without_waiting_a_period(desk, loop, state, monkeypatch):
    monkeypatch.setattr("agent.loop.AT_ONCE", 3)
    for number in range(7):
        state.past.add({"at": number, "beat": {}})
    for _ in range(3):
        loop.turn()
    assert [len(report["past"]) for report in desk.reports] == [3, 3, 1]
    assert [beat["at"] for report in desk.reports for beat in report["past"]] == list(range(7))
    assert not loop._more


def test_a_desk_that_always_wants_facts_is_not_stormed(desk, loop):
    desk.answer["facts"] = True
    loop.turn()
    loop.turn()
    assert not loop._more


def test_a_failed_report_loses_nothing_and_stays_away_for_a_while(desk, loop, state):
    desk.down = True
    loop.turn()
    loop.turn()  # too early to knock again: the beat is kept
    assert (len(desk.reports), state.past.count, loop.is_offline) == (0, 2, True)
    desk.down = False
    loop._next_try = 0
    loop.turn()
    assert len(desk.reports[0]["past"]) == 2
    assert (state.past.count, loop.is_offline) == (0, False)


def test_beats_kept_by_one_start_are_sent_by_the_next(desk, loop, state):
    desk.down = True
    loop.turn()
    desk.down = False
    again = Loop(State(state.folder), SessionLog())
    again._waiter.start = lambda: None
    again.turn()
    assert len(desk.reports[0]["past"]) == 1
    assert desk.reports[0]["boot"] != loop._boot
    again.stop()
    again.commands.stop()


def test_a_wrong_clock_does_not_date_the_report(desk, loop):
    desk.behind = 7200
    loop.turn()
    loop.turn()
    first, second = (moments.seconds(report["at"]) for report in desk.reports)
    assert 0 <= second - first < 30


@pytest.mark.parametrize("answer", [{"period": "x"}, {"period": None}, {"period": 1e9}])
def test_a_strange_answer_keeps_the_rhythm_within_reason(desk, loop, answer):
    desk.answer.update(answer, watch="yes", events_since=7)
    loop.turn()
    assert 1 <= loop._period <= 3600
    assert loop._since is None


def test_who_is_watched_reports_more_often(desk, loop):
    desk.answer.update(period=60, watch=True)
    loop.turn()
    assert 9 <= loop._beat_pause() <= 11
