"""Runs: from round to round, until every step has ended.

A round claims steps, makes the phones' files, and hands those that are to be told to the outgoing
pushes. Whatever a batch did is committed together with the steps' ends (see `leases`).
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select, update

from webapp.extensions import db, utcnow
from webapp.jobs import leases, pacing, rollout, starting
from webapp.jobs.kinds import KINDS, Kind
from webapp.jobs.leases import LeaseLostError
from webapp.jobs.making import end
from webapp.jobs.outgoing import outgoing
from webapp.jobs.queue import enqueue, task
from webapp.jobs.rows import changed
from webapp.models import Run, RunStep

log = logging.getLogger("belldesk.jobs")
WAVE = 500  # steps taken at once for pushing


def quiet_runs(since: datetime) -> Iterable[int]:
    """Runs that are not over and in which no step has ended since then.

    Steps of the dead are freed here too, not only when a worker starts: the database may finish a
    killed worker's last commit after its successor has looked.
    """
    leases.release_dead()
    for run in db.session.scalars(Run.unfinished()):
        if run.created_at <= since and not db.session.scalar(RunStep.ended_since(run.id, since)):
            yield run.id


@task("run", quiet_runs)
def perform(run_id: int) -> None:
    """Do one batch. The call is passed on first, so that idle workers join in."""
    run = db.session.get(Run, run_id)
    if run is None or run.is_over:
        return
    kind = KINDS[run.kind]
    if run.state == "queued":
        begin(run, kind)
    if run.state in ("queued", "running"):
        if kind.pushes:
            push(run, kind)
        elif steps := leases.claim(run_id):
            enqueue("run", run_id)
            work(steps, kind)
    settle(run_id)
    db.session.commit()


def tick() -> None:
    """Go on with what reaches out to phones: it waits for its time, and for answers."""
    outgoing().collect()
    for run_id in list(db.session.scalars(Run.pushing())):
        perform(run_id)


def begin(run: Run, kind: Kind) -> None:
    """The first worker that comes lays out who is told when."""
    first = update(Run).where(Run.id == run.id, Run.state == "queued")
    if changed(first.values(state="running", started_at=utcnow())) and kind.pushes:
        if kind.staged:
            rollout.lay_out(run.id)
        pacing.schedule(run.id)
    db.session.commit()


def push(run: Run, kind: Kind) -> None:
    """Take the steps whose time has come. They end later, when their phones have answered."""
    pacing.schedule_again(run.id)
    most = min(outgoing().room(), WAVE)
    steps = leases.claim(run.id, most, careful=False) if most else []
    if not steps:
        return
    numbers = [step.id for step in steps]
    token = str(steps[0].worker)
    work(steps, kind)
    held = select(RunStep).where(
        RunStep.id.in_(numbers), RunStep.worker == token, RunStep.state == "running"
    )
    outgoing().take(run, list(db.session.scalars(held)), kind.staged)


def work(steps: Sequence[RunStep], kind: Kind) -> None:
    """Make the files of these steps; what goes wrong in a batch is tried again phone by phone."""
    token, ids = str(steps[0].worker), [step.id for step in steps]
    try:
        end(token, steps, kind.make, kind.pushes)
        db.session.commit()
    except LeaseLostError:
        db.session.rollback()
        log.warning("%d steps went to another worker meanwhile", len(ids))
    except Exception as error:  # one phone must not stop the run, whatever it does to the renderer
        db.session.rollback()
        log.exception("%d steps of %s", len(ids), token)
        if len(ids) > 1:
            for number in ids:
                if step := db.session.scalar(RunStep.held(number, token)):
                    work([step], kind)
        else:
            leases.give_back(ids[0], token, error)


def settle(run_id: int) -> None:
    """End a run whose steps have all ended, or go on with what follows. The caller commits."""
    now = utcnow()
    rollout.look_after(run_id, now)
    stop = select(Run.id).where(Run.id == run_id, Run.state == "stopping").scalar_subquery()
    free = update(RunStep).where(RunStep.run_id == stop, RunStep.free(now))
    changed(free.values(state="stopped", ended_at=now, worker=None))
    if db.session.scalar(RunStep.open(run_id)):
        return
    for before, after in (("stopping", "stopped"), ("running", "ended"), ("queued", "ended")):
        over = update(Run).where(Run.id == run_id, Run.state == before)
        if changed(over.values(state=after, ended_at=now)) and after == "ended":
            starting.follow(run_id)
