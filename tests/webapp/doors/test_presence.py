"""Who was on a computer: folded from beats, with a clock of the tests'."""

from datetime import UTC, datetime, timedelta

from webapp.doors.presence import Beat, Known, fold

MARIE, JOAO = ("ACME", "marie", "console"), ("ACME", "joao", "console")
HOME, OFFICE = ("192.168.1.7",), ("10.1.2.3",)


def at(minute, second=0):
    return datetime(2026, 11, 22, 8, 0, tzinfo=UTC) + timedelta(minutes=minute, seconds=second)


def beat(minute, *accounts, addresses=(OFFICE,), since=None):
    return Beat(at(minute), dict.fromkeys(accounts, since), dict.fromkeys(addresses))


def spells(known, what="uses"):
    found = [s for s in getattr(known, what) if not s.gone]
    return [(s.key[-2] if what == "uses" else s.key[0], s.since, s.until) for s in found]


def folded(*beats):
    known = Known()
    for one in beats:
        fold(known, [one])
    return known


def test_somebody_who_stays_is_one_use_that_runs():
    known = folded(*(beat(minute, MARIE) for minute in range(10)))
    assert spells(known) == [("marie", at(0), None)]
    assert known.seen == at(9)
    assert sum(spell.changed for spell in known.uses) == 0  # nothing to write for a beat


def test_a_use_begins_when_the_computer_says_it_did():
    known = folded(beat(0), beat(1, MARIE, since=at(0, 20)))
    assert spells(known) == [("marie", at(0, 20), None)]


def test_at_the_first_report_ever_the_computer_is_believed():
    assert spells(folded(beat(60, MARIE, since=at(0)))) == [("marie", at(0), None)]


def test_a_begin_in_the_future_is_the_beat():
    known = folded(beat(0), Beat(at(1), {MARIE: at(5)}, {}))
    assert spells(known) == [("marie", at(1), None)]


def test_who_left_was_there_until_last_seen():
    assert spells(folded(beat(0, MARIE), beat(1, MARIE), beat(2))) == [("marie", at(0), at(1))]


def test_while_the_agent_was_away_nothing_is_known():
    """The same session says that it began before: still nobody saw the time between."""
    known = folded(beat(0, MARIE, since=at(0)), beat(1, MARIE), beat(30, MARIE, since=at(0)))
    assert spells(known) == [("marie", at(0), at(1)), ("marie", at(30), None)]


def test_who_came_while_the_agent_was_away_came_when_the_computer_says():
    known = folded(beat(0, MARIE), beat(30, JOAO, since=at(20)))
    assert spells(known) == [("marie", at(0), at(0)), ("joao", at(20), None)]


def test_a_beat_that_is_a_little_late_makes_no_gap():
    known = folded(beat(0, MARIE), beat(3, MARIE))
    assert spells(known) == [("marie", at(0), None)]


def test_two_at_once_are_two_uses():
    remote = ("ACME", "joao", "remote")
    known = folded(beat(0, MARIE), beat(1, MARIE, remote), beat(2, remote))
    assert spells(known) == [("marie", at(0), at(1)), ("joao", at(1), None)]


def test_from_the_console_to_remote_is_another_use():
    known = folded(beat(0, MARIE), beat(1, (*MARIE[:2], "remote")))
    assert [s.key[2] for s in known.uses] == ["console", "remote"]


def test_addresses_are_spells_too():
    known = folded(beat(0), beat(1, addresses=[HOME, OFFICE]), beat(2, addresses=[HOME]))
    assert spells(known, "addresses") == [("10.1.2.3", at(0), at(1)), ("192.168.1.7", at(1), None)]


def test_the_past_of_one_message_is_filled_with_its_true_times():
    known = folded(beat(0, MARIE))
    past = [beat(minute, MARIE if minute < 5 else JOAO) for minute in range(1, 10)]
    fold(known, [*past, beat(10, JOAO)])
    assert spells(known) == [("marie", at(0), at(4)), ("joao", at(5), None)]


def test_the_past_that_comes_after_the_present_closes_the_gap():
    known = folded(beat(0, MARIE), beat(30, MARIE))
    assert len(spells(known)) == 2
    fold(known, [beat(minute, MARIE) for minute in range(1, 30)])
    assert spells(known) == [("marie", at(0), None)]
    assert known.seen == at(30)


def test_the_past_keeps_its_own_gap():
    known = folded(beat(0, MARIE), beat(60, MARIE))
    fold(known, [beat(minute, MARIE) for minute in (*range(1, 11), *range(40, 60))])
    assert spells(known) == [("marie", at(0), at(10)), ("marie", at(40), None)]


def test_the_past_may_tell_of_somebody_else():
    known = folded(beat(0, MARIE), beat(30, MARIE))
    fold(known, [beat(10, JOAO, since=at(9, 30)), beat(11, JOAO)])
    assert sorted(spells(known), key=lambda s: s[1]) == [
        ("marie", at(0), at(0)),
        ("joao", at(9, 30), at(11)),
        ("marie", at(30), None),
    ]


def test_a_session_that_began_long_before_the_past_does_not_cover_what_nobody_saw():
    known = folded(beat(0, MARIE), beat(60, MARIE))
    fold(known, [beat(minute, MARIE, since=at(-10)) for minute in range(40, 45)])
    assert spells(known)[-1] == ("marie", at(40), at(44))


def test_the_same_past_twice_changes_nothing():
    known = folded(beat(0, MARIE), beat(30, MARIE))
    past = [beat(minute, MARIE) for minute in range(10, 20)]
    fold(known, past)
    first = spells(known)
    fold(known, past)
    assert spells(known) == first


def test_a_new_sign_in_within_minutes_is_not_the_one_before():
    known = folded(beat(0, MARIE), beat(1), beat(30, MARIE))
    fold(known, [beat(2, MARIE, since=at(1, 30))])
    assert ("marie", at(1, 30), at(2)) in spells(known)


def test_rows_that_meet_become_the_older_one():
    known = folded(beat(0, MARIE), beat(6, MARIE))
    for number, spell in enumerate(known.uses, 1):
        spell.id = number
    fold(known, [beat(minute, MARIE) for minute in range(1, 6)])
    assert [(s.id, s.until, s.changed, s.gone) for s in known.uses] == [
        (1, None, True, False),
        (2, None, False, True),
    ]
