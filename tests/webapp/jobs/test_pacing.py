"""No site's line is filled: when each phone's turn is, by the times in the steps."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests.provisioning.transports.sip_peers import phones as doubles
from tests.webapp.jobs.reached import (
    SIP,
    at,
    begin,
    seen_phones,
    steps_of,
    told_by,
    unpaced,
    work,
)
from webapp.extensions import db, utcnow
from webapp.jobs import leases, pacing, runs
from webapp.jobs.kinds import KINDS
from webapp.jobs.pacing import Timetable, Waiting
from webapp.models import Run, RunStep, Site


def laid_out(ids):
    """Begin a run without pushing anything; return the second of each phone's turn."""
    run_id = begin(ids)
    runs.begin(db.session.get(Run, run_id), KINDS["deliver"])
    return seconds(run_id)


def seconds(run_id):
    steps = steps_of(run_id)
    first = min(step.due_at for step in steps)
    return {step.phone_id: round((step.due_at - first).total_seconds()) for step in steps}


def addresses(network, count):
    return [f"10.9.{network}.{number}" for number in range(1, count + 1)]


def test_a_network_gets_no_more_in_a_minute_than_its_pace(everywhere):
    unpaced(everywhere, pushes_per_minute=30)
    turns = laid_out(seen_phones(addresses(1, 60)))
    assert sorted(turns.values()) == [2 * number for number in range(60)]


def test_networks_do_not_wait_for_each_other(everywhere):
    unpaced(everywhere, pushes_per_minute=30)
    turns = laid_out(seen_phones([*addresses(1, 10), *addresses(2, 10)]))
    assert Counter(turns.values()) == dict.fromkeys(range(0, 20, 2), 2)


def test_a_sites_own_pace_holds_for_all_its_networks_together(everywhere):
    unpaced(everywhere, pushes_per_minute=30)
    db.session.scalar(select(Site)).pace = 6
    turns = laid_out(seen_phones([*addresses(1, 3), *addresses(2, 3)]))
    assert sorted(turns.values()) == [0, 10, 20, 30, 40, 50]


def test_over_all_networks_there_is_a_pace_too(everywhere):
    unpaced(everywhere, pushes_per_minute_total=120)
    turns = laid_out(seen_phones([f"10.9.{number}.1" for number in range(20)]))
    assert Counter(turns.values()) == dict.fromkeys(range(10), 2)


def test_a_second_run_waits_until_the_first_is_through_with_the_network(everywhere):
    unpaced(everywhere, pushes_per_minute=60)
    ids = seen_phones(addresses(1, 8))
    first, second = begin(ids[:5]), begin(ids[5:])
    for run_id in (first, second):
        runs.begin(db.session.get(Run, run_id), KINDS["deliver"])
    last = max(step.due_at for step in steps_of(first))
    assert min(step.due_at for step in steps_of(second)) > last - timedelta(seconds=0.5)
    assert sorted(seconds(second).values()) == [0, 1, 2]


def test_a_phone_that_cannot_be_reached_takes_nobodys_turn(everywhere):
    unpaced(everywhere, pushes_per_minute=30)
    turns = laid_out(seen_phones([None, None, *addresses(1, 2)]))
    assert sorted(turns.values()) == [0, 0, 0, 2]


def test_no_worker_takes_a_step_before_its_time(everywhere):
    unpaced(everywhere, pushes_per_minute=1)
    run_id = begin(seen_phones(addresses(1, 5)))
    runs.begin(db.session.get(Run, run_id), KINDS["deliver"])
    claimed = [len(leases.claim(run_id, 100, careful=False)) for _worker in range(3)]
    assert claimed == [1, 0, 0]


def test_what_piled_up_while_nobody_worked_does_not_come_at_once(everywhere):
    unpaced(everywhere, pushes_per_minute=30)
    run_id = begin(seen_phones(addresses(1, 20)))
    runs.begin(db.session.get(Run, run_id), KINDS["deliver"])
    db.session.execute(update(RunStep).values(due_at=utcnow() - timedelta(hours=1)))
    db.session.commit()
    pacing.schedule_again(run_id)
    assert sorted(seconds(run_id).values()) == [2 * number for number in range(20)]
    pacing.schedule_again(run_id)
    assert len(leases.claim(run_id, 100, careful=False)) == 1


def test_without_a_limit_all_go_at_once(everywhere):
    unpaced(everywhere)
    assert set(laid_out(seen_phones(addresses(1, 50))).values()) == {0}


def test_the_pace_is_held_on_the_wire(app):
    unpaced(app, pushes_per_minute=1)
    ids = seen_phones([at(1), at(2), at(3)])
    with doubles("ok", "--hosts", at(1), at(2), at(3), *SIP) as heard:
        begin(ids)
        work(app)
        assert len(told_by(heard, 1)) == 1


def test_ipv6_phones_share_a_64(app):
    assert pacing.network_of("2001:db8::1") == pacing.network_of("2001:db8::ffff")
    assert pacing.network_of("2001:db8::1") != pacing.network_of("2001:db8:0:1::1")
    assert pacing.network_of("10.9.1.7") == "10.9.1.0/24"


@pytest.mark.parametrize("total", [7, 60, 90, 1000])
def test_no_minute_of_the_timetable_holds_more_than_the_total(total):
    waiting = [Waiting(number, f"net{number % 50}", 300) for number in range(500)]
    placed = Timetable(total).place(waiting)
    assert sorted(step for ids in placed.values() for step in ids) == list(range(500))
    for start in range(0, max(placed), 7):
        assert sum(len(placed.get(start + at, ())) for at in range(60)) <= total


def test_ten_thousand_phones_are_laid_out_quickly(app):
    import time

    waiting = [Waiting(number, f"net{number % 200}", 300) for number in range(10_000)]
    start = time.perf_counter()
    Timetable(3000).place(waiting)
    assert time.perf_counter() - start < 1
