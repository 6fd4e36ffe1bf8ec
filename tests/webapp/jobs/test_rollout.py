"""A roll-out: one phone, some, all; it halts by itself and can be taken back."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from provisioning.transports.sip_notify import Timers
from tests.provisioning.transports.sip_peers import phones as doubles
from tests.webapp.jobs.reached import (
    SIP,
    at,
    begin,
    come_back,
    seen_phones,
    state_of,
    steps_of,
    tries_of,
    unpaced,
    words,
    work,
)
from webapp.extensions import db, utcnow
from webapp.jobs import crew, rollout, runs
from webapp.models import Alert, Line, Phone, Revision, Run, RunStep
from webapp.runs import services

ADDRESSES = [at(number) for number in range(1, 41)]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(crew, "TIMERS", Timers(t1=0.04))


@pytest.fixture
def handsets():
    with doubles("ok", "--hosts", *ADDRESSES, *SIP) as heard:
        yield heard


def forty(app):
    """Forty phones whose files are about to change."""
    unpaced(app)
    ids = seen_phones(ADDRESSES)
    db.session.execute(update(Line).values(display_name="Changed"))
    db.session.commit()
    return ids


def fetch(phone_ids):
    """These phones come and take their newest files."""
    for phone in db.session.scalars(select(Phone).where(Phone.id.in_(phone_ids))):
        come_back(phone)
    db.session.commit()


def told(run_id):
    return [step.phone_id for step in steps_of(run_id) if step.state == "waiting"]


def states(run_id):
    return Counter((step.stage, step.state) for step in steps_of(run_id))


def be_late(run_id):
    """Let the time of the waiting phones run out."""
    late = update(RunStep).where(RunStep.run_id == run_id, RunStep.state == "waiting")
    db.session.execute(late.values(due_at=utcnow() - timedelta(seconds=1)))
    db.session.commit()


def test_each_stage_waits_for_the_one_before(everywhere, handsets):
    forty(everywhere)
    run_id = begin(db.session.scalars(select(Phone.id)).all(), kind="rollout")
    for stage, size in enumerate((1, 2, 37)):
        work(everywhere)
        assert db.session.get(Run, run_id).stage == stage
        assert len(told(run_id)) == size
        work(everywhere)
        assert len(told(run_id)) == size, "nobody else is told before they are back"
        fetch(told(run_id))
    work(everywhere)
    assert state_of(run_id) == "ended"
    assert states(run_id) == {(0, "done"): 1, (1, "done"): 2, (2, "done"): 37}


def test_only_the_phones_whose_turn_it_is_get_a_new_file(everywhere, handsets):
    ids = forty(everywhere)
    run_id = begin(ids, kind="rollout")
    work(everywhere)
    assert db.session.scalar(select(Revision.phone_id).where(Revision.number == 2)) in ids
    assert len(db.session.scalars(select(Revision).where(Revision.number == 2)).all()) == 1
    assert len(told(run_id)) == 1


def test_a_canary_that_stays_away_halts_it_with_words_and_an_alert(everywhere, handsets):
    run_id = begin(forty(everywhere), kind="rollout", minutes=7)
    work(everywhere)
    be_late(run_id)
    work(everywhere)
    run = db.session.get(Run, run_id)
    assert run.state == "halted"
    assert words(run).startswith("1 of 1 phones of stage 1 did not come back")
    [late] = [step for step in steps_of(run_id) if step.state == "failed"]
    assert words(late) == "It did not come back with its new file in 7 minutes"
    [alert] = db.session.scalars(Alert.open())
    assert (alert.kind, alert.source) == ("rollout", f"#{run_id}")
    work(everywhere)
    assert states(run_id) == {(0, "failed"): 1, (1, "queued"): 2, (2, "queued"): 37}


def test_rolled_back_its_phones_have_what_they_had_and_are_told(everywhere, handsets):
    ids = forty(everywhere)
    before = {phone.id: phone.revision_sha256 for phone in db.session.scalars(select(Phone))}
    run_id = begin(ids, kind="rollout")
    work(everywhere)
    fetch(told(run_id))
    work(everywhere)
    be_late(run_id)
    work(everywhere)
    assert state_of(run_id) == "halted"
    back = services.roll_back(db.session.get(Run, run_id), None)
    db.session.commit()
    work(everywhere)
    assert (state_of(back.id), back.total) == ("ended", 3)
    assert state_of(run_id) == "stopped"
    assert {step.outcome for step in steps_of(back.id)} == {"delivered"}
    assert {one.channel for one in tries_of(back.id)} == {"notify"}
    after = {phone.id: phone.revision_sha256 for phone in db.session.scalars(select(Phone))}
    assert after == before
    numbers = Counter(db.session.scalars(select(Revision.number)))
    assert numbers == {1: 40, 2: 3, 3: 3}


def test_a_way_back_that_a_killed_worker_began_is_not_gone_twice(everywhere, handsets):
    ids = forty(everywhere)
    run_id = begin(ids, kind="rollout")
    work(everywhere)
    back = services.roll_back(db.session.get(Run, run_id), None)
    db.session.commit()
    kind = runs.KINDS["rollback"]
    runs.begin(db.session.get(Run, back.id), kind)
    for _ in range(2):  # the second time as the worker after a killed one
        steps = runs.leases.claim(back.id, careful=False)
        runs.work(steps, kind)
        db.session.execute(update(RunStep).where(RunStep.run_id == back.id).values(state="queued"))
        db.session.commit()
    assert Counter(db.session.scalars(select(Revision.number)))[3] == 1


def test_nothing_is_taken_back_where_a_newer_file_was_made_since(everywhere, handsets):
    ids = forty(everywhere)
    run_id = begin(ids, kind="rollout")
    work(everywhere)
    db.session.execute(update(Line).values(display_name="Changed again"))
    db.session.commit()
    begin(ids, kind="provision")
    work(everywhere)
    with pytest.raises(services.RunError):
        services.roll_back(db.session.get(Run, run_id), None)


def test_continued_it_goes_on_in_spite_of_them(everywhere, handsets):
    run_id = begin(forty(everywhere), kind="rollout")
    work(everywhere)
    be_late(run_id)
    work(everywhere)
    services.carry_on(db.session.get(Run, run_id))
    db.session.commit()
    work(everywhere)
    work(everywhere)
    run = db.session.get(Run, run_id)
    assert (run.state, run.stage, run.message) == ("running", 1, None)
    assert len(told(run_id)) == 2


def test_some_may_stay_away_later_but_not_too_many(everywhere, handsets):
    run_id = begin(forty(everywhere), kind="rollout", percent=10)
    for _ in range(2):
        work(everywhere)
        fetch(told(run_id))
    work(everywhere)
    waiting = told(run_id)
    fetch(waiting[4:])
    work(everywhere)
    be_late(run_id)
    work(everywhere)
    assert state_of(run_id) == "halted", "4 of 37 are more than 10 %"


def test_the_last_stage_bears_a_few(everywhere, handsets):
    run_id = begin(forty(everywhere), kind="rollout", percent=10)
    for _ in range(2):
        work(everywhere)
        fetch(told(run_id))
    work(everywhere)
    fetch(told(run_id)[3:])
    work(everywhere)
    be_late(run_id)
    work(everywhere)
    assert state_of(run_id) == "ended"
    assert states(run_id)[2, "failed"] == 3


def test_unreachable_phones_are_waited_for_only_if_that_was_chosen(app):
    run_id = begin(seen_phones([None]), kind="rollout")
    work(app)
    assert state_of(run_id) == "halted"
    [number] = seen_phones([None], first=9)
    run_id = begin([number], kind="rollout", wait=True)
    work(app)
    assert told(run_id) == [number]
    fetch([number])
    work(app)
    assert state_of(run_id) == "ended"


def test_who_has_the_newest_file_already_is_not_told(app):
    [number] = seen_phones([at(1)])
    fetch([number])
    run_id = begin([number], kind="rollout")
    work(app)
    assert [(step.state, step.outcome) for step in steps_of(run_id)] == [("done", "current")]
    assert tries_of(run_id) == []


def test_stopped_no_further_stage_begins(everywhere, handsets):
    run_id = begin(forty(everywhere), kind="rollout")
    work(everywhere)
    services.stop(db.session.get(Run, run_id))
    db.session.commit()
    work(everywhere)
    assert state_of(run_id) == "stopped"
    assert {state for _, state in states(run_id)} == {"stopped"}


def test_two_workers_that_look_at_once_move_it_on_once(everywhere, handsets):
    run_id = begin(forty(everywhere), kind="rollout")
    work(everywhere)
    fetch(told(run_id))
    seen = db.session.get(Run, run_id)
    rollout.note_the_returned(run_id, utcnow())
    rollout.go_on(seen)
    db.session.commit()
    seen.stage = 0  # what the other worker had read before
    rollout.go_on(seen)
    db.session.rollback()
    assert db.session.get(Run, run_id).stage == 1


def test_the_canary_is_a_phone_that_was_seen_lately(app):
    ids = seen_phones([None, at(1), at(2), None])
    db.session.get(Phone, ids[1]).fetched_at = utcnow() - timedelta(days=3)
    db.session.commit()
    run_id = begin(ids, kind="rollout")
    rollout.lay_out(run_id)
    assert [step.phone_id for step in steps_of(run_id) if step.stage == 0] == [ids[2]]
