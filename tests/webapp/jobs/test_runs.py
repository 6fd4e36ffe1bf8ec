"""Claim, complete, lose, stop, retry: on all three databases."""

import os
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, type_coerce, update

from tests.webapp.jobs.phones import make_phones
from webapp import provision
from webapp.extensions import Blob, db, utcnow
from webapp.jobs import leases, making, runs
from webapp.jobs.kinds import KINDS
from webapp.jobs.periodic import repair
from webapp.jobs.worker import Worker, load_tasks
from webapp.models import Line, Phone, Revision, Run, RunStep, User
from webapp.runs import services


def started(ids, **more):
    user = db.session.scalar(User.named("bob"))
    run = services.start(ids, user, **more)
    db.session.commit()
    services.send(run)
    return run


def states(run):
    db.session.expire_all()
    return Counter(step.state for step in db.session.scalars(RunStep.of(run.id)))


def revisions():
    query = select(Revision.phone_id, func.count()).group_by(Revision.phone_id)
    return Counter(row[1] for row in db.session.execute(query))


def work(app):
    Worker(app).run(once=True)
    db.session.rollback()  # the worker has a session of its own: see what it did


def test_a_run_gives_every_phone_one_revision_and_ends(everywhere):
    run = started(make_phones(230))
    work(everywhere)
    run = db.session.get(Run, run.id)
    assert (run.state, run.total, run.ended_at is not None) == ("ended", 230, True)
    assert states(run) == {"done": 230}
    assert revisions() == {1: 230}


def test_a_second_run_finds_nothing_new(everywhere):
    ids = make_phones(5)
    for _ in range(2):
        run = started(ids)
        work(everywhere)
    assert services.progress(db.session.get(Run, run.id)).unchanged == 5
    assert revisions() == {1: 5}


def test_two_runs_of_the_same_phones_at_once_do_not_double_revisions(everywhere):
    ids = make_phones(120)
    first, second = started(ids), started([*ids, *ids])
    work(everywhere)
    assert states(first) == states(second) == {"done": 120}
    assert revisions() == {1: 120}


def test_the_same_file_made_twice_at_once_is_stored_once(everywhere):
    [number] = make_phones(1)
    phone = db.session.get(Phone, number)
    assert phone.revision_sha256 is None
    with everywhere.app_context():
        provision.revise([db.session.get(Phone, number)])
        db.session.commit()
        db.session.remove()
    # MariaDB's snapshot lets only the unique number notice; the worker then tries again.
    if db.engine.dialect.name == "mysql":
        db.session.rollback()
    assert [outcome.word for outcome in provision.revise([phone])] == ["unchanged"]


def test_two_workers_never_hold_the_same_step(everywhere):
    run = started(make_phones(250))
    first = {step.id for step in leases.claim(run.id)}
    second = {step.id for step in leases.claim(run.id)}
    assert (len(first), len(second), first & second) == (200, 50, set())
    assert leases.claim(run.id) == []


def test_the_untried_go_many_at_once_before_what_a_killed_worker_held(everywhere, monkeypatch):
    monkeypatch.setattr(leases, "BATCH", 4)
    run = started(make_phones(8))
    lost = [step.id for step in leases.claim(run.id)]
    db.session.execute(
        update(RunStep).where(RunStep.id.in_(lost)).values(state="queued", worker=None)
    )
    db.session.commit()
    assert [len(leases.claim(run.id)) for _ in range(3)] == [4, 1, 1]


def test_what_a_worker_made_after_its_lease_is_not_stored(everywhere):
    run = started(make_phones(3))
    mine = leases.claim(run.id)
    db.session.execute(update(RunStep).values(leased_until=utcnow() - timedelta(seconds=1)))
    db.session.commit()
    theirs = leases.claim(run.id)
    assert len(theirs) == 1, "what already failed to end is taken one by one"
    token = next(step.worker for step in mine if step.id != theirs[0].id)
    with pytest.raises(leases.LeaseLostError):
        making.end(token, mine, making.render)
    db.session.rollback()
    assert revisions() == {}
    work_until_over(everywhere, run)
    assert revisions() == {1: 3}


def work_until_over(app, run):
    """Let the leases run out at once."""
    for _ in range(10):
        db.session.execute(
            update(RunStep)
            .where(RunStep.state == "running")
            .values(leased_until=utcnow() - timedelta(seconds=1))
        )
        db.session.commit()
        work(app)
        if db.session.get(Run, run.id).is_over:
            return
    raise AssertionError(states(run))


def test_a_phone_that_cannot_be_made_fails_with_words_and_stops_nobody(everywhere):
    run = started([*make_phones(3), *make_phones(1, first=9, password="line\nbreak")])
    work(everywhere)
    assert states(run) == {"done": 3, "failed": 1}
    [failed] = services.progress(db.session.get(Run, run.id)).failures
    assert "line break" in failed.message % failed.params
    assert "line\nbreak" not in str(failed.params)


def test_a_phone_that_breaks_the_program_fails_after_three_tries(everywhere):
    ids = make_phones(4)
    # What no key opens: the worker cannot even read the phone.
    table = Line.__table__
    db.session.execute(
        update(table)
        .where(table.c.phone_id == ids[1])
        .values(password=type_coerce(b"gAAAAA-of-another-key", Blob))
    )
    db.session.commit()
    run = started(ids)
    work(everywhere)
    assert states(run) == {"done": 3, "failed": 1}
    [failed] = services.progress(db.session.get(Run, run.id)).failures
    assert (failed.phone_id, failed.attempts) == (ids[1], 3)
    assert "SecretBoxError" in failed.message % failed.params


def test_a_deleted_phone_ends_without_a_failure(everywhere):
    ids = make_phones(3)
    run = started(ids)
    db.session.execute(delete(Phone).where(Phone.id == ids[0]))
    db.session.commit()
    work(everywhere)
    assert states(run) == {"done": 2, "stopped": 1}
    assert db.session.get(Run, run.id).state == "ended"
    [gone] = db.session.scalars(RunStep.of(run.id).where(RunStep.state == "stopped"))
    assert (gone.mac, gone.outcome) == ("0c383e000001", "gone")


def test_stop_lets_running_steps_finish_and_no_other_start(everywhere):
    run = started(make_phones(250))
    steps = leases.claim(run.id)
    services.stop(db.session.get(Run, run.id))
    runs.settle(run.id)
    db.session.commit()
    assert db.session.get(Run, run.id).state == "stopping"
    runs.work(steps, KINDS["provision"])
    work(everywhere)
    assert db.session.get(Run, run.id).state == "stopped"
    assert states(run) == {"done": 200, "stopped": 50}
    assert revisions() == {1: 200}


def test_a_stopped_run_stays_as_it_is(everywhere):
    run = started(make_phones(2))
    work(everywhere)
    services.stop(db.session.get(Run, run.id))
    db.session.commit()
    assert db.session.get(Run, run.id).state == "ended"


def test_retry_takes_the_failed_phones_alone(everywhere):
    bad = make_phones(1, first=9, password="line\nbreak")
    run = started([*make_phones(3), *bad])
    work(everywhere)
    db.session.scalar(select(Line).where(Line.phone_id == bad[0])).password = "repaired"
    again = services.retry_failed(db.session.get(Run, run.id), None)
    db.session.commit()
    services.send(again)
    work(everywhere)
    again = db.session.get(Run, again.id)
    assert (again.retry_of, again.total, states(again)) == (run.id, 1, {"done": 1})


def test_a_lost_message_is_sent_again(everywhere):
    run = services.start(make_phones(2), None)
    db.session.commit()
    work(everywhere)
    assert states(run) == {"done": 2}


def test_a_run_of_no_phone_is_refused(everywhere):
    with pytest.raises(services.RunError):
        services.start([], None)


def test_steps_of_a_dead_worker_are_free_at_once(everywhere):
    run = started(make_phones(2))
    leases.claim(run.id)
    db.session.execute(update(RunStep).values(worker=f"{leases.HOST}/4194305/abc"))
    db.session.commit()
    assert leases.release_dead() == 1
    assert states(run) == {"queued": 2}


def test_what_a_dead_worker_took_after_its_successor_looked_is_freed_by_the_reaper(everywhere):
    run = started(make_phones(2))
    leases.claim(run.id)
    db.session.execute(update(RunStep).values(worker=f"{leases.HOST}/4194305/abc"))
    db.session.commit()
    load_tasks(everywhere)
    repair(quiet_seconds=0)
    assert states(run) == {"queued": 2}


def test_a_zombie_is_dead_and_a_living_process_is_not():
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # it has ended, and is still there
    try:
        assert leases.is_dead(f"{leases.HOST}/{child}/abc")
        assert not leases.is_dead(f"{leases.HOST}/{os.getppid()}/abc")
    finally:
        os.waitpid(child, 0)


def test_steps_of_another_host_are_left_alone(everywhere):
    run = started(make_phones(2))
    leases.claim(run.id)
    db.session.execute(update(RunStep).values(worker="elsewhere/4194305/abc"))
    db.session.commit()
    assert leases.release_dead() == 0
    assert states(run) == {"running": 2}
