"""Pushes by real workers: killed, told to stop, several at once."""

import signal
from collections import Counter

from sqlalchemy import func, select

from tests.provisioning.transports.sip_peers import phones as doubles
from tests.webapp.jobs.processes import wait_until, worker
from tests.webapp.jobs.reached import (
    SIP,
    at,
    begin,
    seen_phones,
    state_of,
    steps_of,
    told_by,
    tries_of,
    words,
)
from webapp.extensions import db
from webapp.models import Delivery, RunStep

PACE = {"BELLDESK_PUSHES_PER_MINUTE": "0", "BELLDESK_PUSHES_PER_MINUTE_TOTAL": "0"}


def environment(app):
    return {"BELLDESK_DATABASE_URL": app.extensions["belldesk"].url, **PACE}


def ended(run_id):
    db.session.rollback()
    query = select(func.count()).where(RunStep.run_id == run_id, RunStep.ended_at.is_not(None))
    return db.session.scalar(query)


def under_way(run_id):
    db.session.rollback()
    query = select(func.count()).where(Delivery.run_id == run_id, Delivery.success.is_(None))
    return db.session.scalar(query)


def test_a_worker_killed_while_phones_think_leaves_each_step_ended_once(everywhere, tmp_path):
    addresses = [at(number) for number in range(1, 41)]
    ids = seen_phones(addresses)
    run_id = begin(ids)
    with (
        doubles("silent", "--hosts", *addresses, *SIP),
        worker(tmp_path, **environment(everywhere)) as first,
    ):
        wait_until(lambda: under_way(run_id) == 40, tmp_path)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert ended(run_id) == 0
    with doubles("ok", "--hosts", *addresses, *SIP) as heard:
        with worker(tmp_path, **environment(everywhere)):
            wait_until(lambda: state_of(run_id) == "ended", tmp_path)
        assert len(told_by(heard, 40)) == 40
    assert Counter(step.state for step in steps_of(run_id)) == {"done": 40}
    tries = tries_of(run_id)
    assert Counter(one.success for one in tries) == {False: 40, True: 40}
    lost = {words(one) for one in tries if not one.success}
    assert lost == {"The worker ended before the phone had answered: it was tried again"}


def test_two_workers_tell_each_phone_once(everywhere, tmp_path):
    addresses = [at(number) for number in range(1, 61)]
    run_id = begin(seen_phones(addresses))
    more = environment(everywhere)
    with (
        doubles("ok", "--hosts", *addresses, *SIP),
        worker(tmp_path, **more),
        worker(tmp_path, **more),
    ):
        wait_until(lambda: state_of(run_id) == "ended", tmp_path)
    assert Counter(step.state for step in steps_of(run_id)) == {"done": 60}
    assert len(tries_of(run_id)) == 60


def test_told_to_stop_it_gives_back_the_phones_that_think(app, tmp_path):
    [number] = seen_phones([at(1)])
    run_id = begin([number])
    with doubles("silent", "--hosts", at(1), *SIP), worker(tmp_path, **environment(app)) as process:
        wait_until(lambda: under_way(run_id) == 1, tmp_path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    [step] = steps_of(run_id)
    assert (step.state, step.worker) == ("queued", None)
    [one] = tries_of(run_id)
    assert words(one) == "The worker was stopped before the phone had answered"


def test_a_lease_is_kept_while_phones_think(app, tmp_path):
    """The lease is shorter than a silent phone's time; nobody else may take the step."""
    [number] = seen_phones([at(1)])
    run_id = begin([number])
    more = environment(app) | {"BELLDESK_LEASE_SECONDS": "2"}
    with (
        doubles("late", "--delay", "6", "--hosts", at(1), *SIP),
        worker(tmp_path, **more),
        worker(tmp_path, **more),
    ):
        wait_until(lambda: state_of(run_id) == "ended", tmp_path)
    [step] = steps_of(run_id)
    assert (step.state, step.attempts) == ("done", 1)
    assert len(tries_of(run_id)) == 1
