import pytest

from agent import moments
from agent.errors import AgentError
from agent.state import Past, State


def test_beats_wait_in_order_and_survive_a_restart(tmp_path):
    past = Past(tmp_path / "past.jsonl")
    for number in range(5):
        past.add({"at": number})
    past = Past(tmp_path / "past.jsonl")
    beats, lines = past.oldest(3)
    assert ([beat["at"] for beat in beats], lines, past.count) == ([0, 1, 2], 3, 5)
    past.drop(lines)
    assert [beat["at"] for beat in past.oldest(9)[0]] == [3, 4]
    past.drop(2)
    assert (past.count, past.oldest(9)) == (0, ([], 0))


def test_the_oldest_go_when_the_buffer_is_full(tmp_path):
    past = Past(tmp_path / "past.jsonl", most=20)
    for number in range(100):
        past.add({"at": number})
    beats, _ = past.oldest(100)
    assert len(beats) <= 22
    assert beats[-1] == {"at": 99}


def test_a_line_torn_by_a_power_cut_costs_that_line_only(tmp_path):
    past = Past(tmp_path / "past.jsonl")
    past.add({"at": 1})
    past.path.write_text('{"at": 0}\n{"a\n' + past.path.read_text())
    beats, lines = Past(past.path).oldest(9)
    assert (beats, lines) == ([{"at": 0}, {"at": 1}], 3)


def test_its_files_are_closed_to_others(state):
    state.save_agent({"secret": "s"})
    state.past.add({"at": 1})
    assert state.folder.stat().st_mode & 0o077 == 0
    for path in state.folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_two_agents_do_not_share_one_identity(state):
    state.lock()
    with pytest.raises(AgentError, match="runs already"):
        State(state.folder).lock()
    state.unlock()
    other = State(state.folder)
    other.lock()
    other.unlock()


def test_an_unreadable_identity_says_what_to_do(state):
    (state.folder / "agent.json").write_text("{")
    with pytest.raises(AgentError, match="Enrol this computer again"):
        state.agent()


def test_times_are_utc_with_milliseconds():
    assert moments.iso(1795334400.1254) == "2026-11-22T08:00:00.125Z"
    assert moments.seconds("2026-11-22T08:00:00.1250000Z") == 1795334400.125
    for wrong in ("2026-11-22T08:00:00", "22/11/2026", "", "2026-11-22T08:00:00+01:00"):
        with pytest.raises(ValueError, match="no time in UTC"):
            moments.seconds(wrong)
