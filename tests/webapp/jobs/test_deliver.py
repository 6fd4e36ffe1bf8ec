"""Making phones take their files: real NOTIFYs to doubles, on all three databases."""

import pytest
from sqlalchemy import select

from provisioning.transports.sip_notify import Timers
from tests.provisioning.transports.sip_peers import phones as doubles
from tests.webapp.jobs.reached import (
    SIP,
    at,
    begin,
    seen_phones,
    state_of,
    steps_of,
    told_by,
    tries_of,
    unpaced,
    words,
    work,
)
from webapp.extensions import db
from webapp.jobs import crew, outgoing
from webapp.models import Phone, Run
from webapp.runs import services
from webapp.secretbox import SecretBoxError


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A silent phone is given up after a second and not after half a minute."""
    monkeypatch.setattr(crew, "TIMERS", Timers(t1=0.04))


def test_each_phone_is_told_and_the_run_ends(everywhere):
    unpaced(everywhere)
    addresses = [at(number) for number in range(1, 21)]
    ids = seen_phones(addresses)
    with doubles("ok", "--hosts", *addresses, *SIP) as heard:
        run_id = begin(ids)
        work(everywhere)
        assert len(told_by(heard, 20)) == 20
    assert {(step.state, step.outcome) for step in steps_of(run_id)} == {("done", "delivered")}
    tries = tries_of(run_id)
    assert {one.address for one in tries} == set(addresses)
    assert {(one.channel, one.success, one.code) for one in tries} == {("notify", True, 200)}
    assert f"{at(1)} takes the NOTIFY (200)" in {words(one) for one in tries}
    assert state_of(run_id) == "ended"


def test_the_notify_names_the_phones_event_and_line(app):
    [number] = seen_phones([at(1)])
    with doubles("ok", "--hosts", at(1), *SIP) as heard:
        begin([number])
        work(app)
        assert heard.header("Event") == "check-sync;reboot=true"
        assert heard.wait(1)[0].startswith(f"NOTIFY sip:{number}@{at(1)}")


def test_a_challenge_is_answered_for_the_first_line(app):
    [number] = seen_phones([at(1)])
    options = ("--user", str(number), "--password", "secret")
    with doubles("challenge", "--hosts", at(1), *SIP, *options):
        run_id = begin([number])
        work(app)
    assert [step.state for step in steps_of(run_id)] == ["done"]


def test_who_does_not_know_an_event_is_asked_by_the_next_and_then_by_its_web_page(app):
    [number] = seen_phones([at(1)])
    with doubles("unknown", "--hosts", at(1), *SIP) as heard:
        run_id = begin([number])
        work(app)
        heard.wait(2)
        events = {heard.header("Event", one) for one in range(len(heard.heard))}
    assert events == {"check-sync;reboot=true", "resync"}
    channels = [one.channel for one in tries_of(run_id)]
    assert channels[:3] == ["notify", "notify", "http"]
    assert not any(one.success for one in tries_of(run_id))
    [step] = steps_of(run_id)
    assert (step.state, step.message) == ("failed", tries_of(run_id)[-1].message)


def test_who_is_silent_gets_no_second_notify(app):
    [number] = seen_phones([at(1)])
    run_id = begin([number])
    work(app)
    channels = [one.channel for one in tries_of(run_id)]
    assert channels.count("notify") == 1
    assert "http" in channels
    assert f"{at(1)} does not answer the NOTIFY" in {words(one) for one in tries_of(run_id)}


def test_nothing_that_reboots_is_sent_when_that_was_ruled_out(app):
    [number] = seen_phones([at(1)])
    with doubles("ok", "--hosts", at(1), *SIP) as heard:
        begin([number], reboot=False)
        work(app)
        assert heard.header("Event") == "resync"


def test_phones_behind_one_router_are_not_pushed_to(everywhere):
    ids = seen_phones([at(1), at(1)])
    with doubles("ok", "--hosts", at(1), *SIP) as heard:
        run_id = begin(ids[:1])
        work(everywhere)
        assert heard.heard == []
    [step] = steps_of(run_id)
    assert step.state == "failed"
    assert words(step).startswith(f"Several phones were seen from {at(1)}")
    assert tries_of(run_id) == []


def test_a_typed_address_goes_before_the_one_it_was_seen_from(app):
    one, _two = seen_phones([at(1), at(1)])
    db.session.get(Phone, one).address = at(2)
    db.session.commit()
    with doubles("ok", "--hosts", at(2), *SIP) as heard:
        begin([one])
        work(app)
        assert len(told_by(heard, 1)) == 1


def test_a_phone_that_was_never_seen_says_so(app):
    run_id = begin(seen_phones([None]))
    work(app)
    [step] = steps_of(run_id)
    assert words(step) == "It was never seen here: start it, or type its address"


def test_a_phone_without_a_file_says_so(app):
    from tests.webapp.jobs.phones import make_phones

    run_id = begin(make_phones(1))
    work(app)
    [step] = steps_of(run_id)
    assert words(step) == "No file was made for it yet: provision it"


def test_stopped_before_its_turn_a_phone_is_not_told(everywhere):
    unpaced(everywhere, pushes_per_minute=1)
    ids = seen_phones([at(1), at(2), at(3)])
    with doubles("ok", "--hosts", at(1), at(2), at(3), *SIP) as heard:
        run_id = begin(ids)
        work(everywhere)
        services.stop(db.session.get(Run, run_id))
        db.session.commit()
        work(everywhere)
        assert len(told_by(heard, 1)) == 1
    assert sorted(step.state for step in steps_of(run_id)) == ["done", "stopped", "stopped"]
    assert state_of(run_id) == "stopped"


def test_retry_tells_those_that_failed(everywhere):
    ids = seen_phones([at(1), None])
    with doubles("ok", "--hosts", at(1), at(2), *SIP):
        run_id = begin(ids)
        work(everywhere)
        db.session.get(Phone, ids[1]).address = at(2)
        again = services.retry_failed(db.session.get(Run, run_id), None)
        db.session.commit()
        work(everywhere)
    assert (again.kind, again.total, again.retry_of) == ("deliver", 1, run_id)
    assert [step.state for step in steps_of(again.id)] == ["done"]


def test_provision_and_deliver_tells_whose_file_changed(everywhere):
    unpaced(everywhere)
    ids = seen_phones([at(1), None, at(3)])
    current = db.session.get(Phone, ids[2])
    current.fetched_sha256 = current.revision_sha256
    db.session.commit()
    with doubles("ok", "--hosts", at(1), *SIP):
        run_id = begin(ids, kind="provision", deliver=True)
        work(everywhere)
    run = db.session.get(Run, run_id)
    assert (run.state, run.options["unseen"]) == ("ended", 1)
    assert [step.phone_id for step in steps_of(run.options["next"])] == [ids[0]]
    assert state_of(run.options["next"]) == "ended"
    assert db.session.scalars(select(Run.kind).order_by(Run.id)).all() == ["provision", "deliver"]


def test_a_phone_that_was_deleted_meanwhile_stops_nobody(everywhere):
    ids = seen_phones([at(1), at(2)])
    run_id = begin(ids)
    db.session.delete(db.session.get(Phone, ids[0]))
    db.session.commit()
    with doubles("ok", "--hosts", at(2), *SIP):
        work(everywhere)
    assert [step.state for step in steps_of(run_id)] == ["stopped", "done"]


def test_the_words_of_a_failed_step_can_be_said_whatever_fills_them(app):
    """The web pages' words have numbers in them (%d), which no text may fill."""
    [number] = seen_phones([at(1)])
    run_id = begin([number])
    work(app)
    [step] = steps_of(run_id)
    assert words(step) == words(tries_of(run_id)[-1])
    assert not any("%(" in words(one) for one in tries_of(run_id))


def test_a_phone_whose_push_cannot_even_be_begun_takes_no_other_with_it(app, monkeypatch):
    """After three tries it fails with words; the others were told long before."""
    ids = seen_phones([at(1), at(2), at(3)])
    real = outgoing.attempt

    def attempt(number, errand, phone):
        if phone.id == ids[1]:
            raise SecretBoxError
        return real(number, errand, phone)

    monkeypatch.setattr(outgoing, "attempt", attempt)
    with doubles("ok", "--hosts", at(1), at(3), *SIP):
        run_id = begin(ids)
        for _ in range(3):
            work(app)
    assert [step.state for step in steps_of(run_id)] == ["done", "failed", "done"]
    assert "SecretBoxError" in words(steps_of(run_id)[1])
    assert state_of(run_id) == "ended"
