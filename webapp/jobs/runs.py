"""One batch of a run: claim steps, render, store, deliver, tick off; all or nothing.

A step belongs to who holds its lease. Whatever a batch did is committed together with the steps'
ends, and only while the lease is still held, so that a worker may be killed at any moment.
"""

import logging
import os
import secrets
import socket
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from flask import current_app
from sqlalchemy import Select, select, update

from provisioning.errors import N_, ProvisioningError
from provisioning.registry import registry
from webapp import provision
from webapp.config import Config
from webapp.export import export
from webapp.extensions import db, utcnow
from webapp.jobs.queue import enqueue, task
from webapp.jobs.rows import changed
from webapp.models import Phone, Revision, Run, RunStep
from webapp.provision import Outcome

log = logging.getLogger("belldesk.jobs")
BATCH = 200
ATTEMPTS = 3
HOST = socket.gethostname()[:40].replace("/", "-")


class LeaseLostError(Exception):
    """Another worker has taken the steps; what was made here must not be stored."""


def quiet_runs(since: datetime) -> Iterable[int]:
    """Runs that are not over and in which no step has ended since then.

    Steps of the dead are freed here too, not only when a worker starts: the database may finish a
    killed worker's last commit after its successor has looked.
    """
    release_dead()
    for run in db.session.scalars(Run.unfinished()):
        if run.created_at <= since and not db.session.scalar(RunStep.ended_since(run.id, since)):
            yield run.id


@task("run", quiet_runs)
def perform(run_id: int) -> None:
    """Do one batch. The call is passed on first, so that idle workers join in."""
    run = db.session.get(Run, run_id)
    if run is None or run.is_over:
        return
    if run.state != "stopping" and (steps := claim(run_id)):
        enqueue("run", run_id)
        work(steps)
    settle(run_id)
    db.session.commit()


def claim(run_id: int) -> list[RunStep]:
    """Take free steps: many at once, but one at a time what already failed to end.

    So a phone that kills its worker takes no other phone down with it twice.
    """
    while True:
        now = utcnow()
        free = list(db.session.execute(claimable(run_id, now)))
        fresh = [row.id for row in free if row.attempts == 0]
        chosen = fresh or [row.id for row in free[:1]]
        if not chosen:
            db.session.rollback()
            return []
        token = f"{HOST}/{os.getpid()}/{secrets.token_hex(8)}"
        db.session.execute(
            update(RunStep)
            .where(RunStep.id.in_(chosen), RunStep.free(now))
            .values(
                state="running",
                worker=token,
                leased_until=now + lease(),
                attempts=RunStep.attempts + 1,
            )
        )
        db.session.execute(
            update(Run)
            .where(Run.id == run_id, Run.state == "queued")
            .values(state="running", started_at=now)
        )
        db.session.commit()
        if steps := list(db.session.scalars(RunStep.claimed(token))):
            return steps


def claimable(run_id: int, now: datetime) -> Select[int, int]:
    """On MariaDB locking reads would lock gaps too, and SQLite has none; both try again instead."""
    query = RunStep.claimable(run_id, now).limit(BATCH)
    if db.engine.dialect.name == "postgresql":
        return query.with_for_update(skip_locked=True)
    return query


def lease() -> timedelta:
    config: Config = current_app.extensions["belldesk"]
    return timedelta(seconds=config.lease_seconds)


def work(steps: Sequence[RunStep]) -> None:
    """End these steps; what goes wrong in a batch is tried again phone by phone."""
    token, ids = str(steps[0].worker), [step.id for step in steps]
    try:
        end(token, steps)
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
                    work([step])
        else:
            give_back(ids[0], token, error)


def end(token: str, steps: Sequence[RunStep]) -> None:
    """Render, store, deliver and tick off, in one transaction that the caller commits."""
    run_id = steps[0].run_id
    wanted = {step.phone_id: step.id for step in steps if step.phone_id is not None}
    phones = list(db.session.scalars(select(Phone).where(Phone.id.in_(wanted))))
    outcomes = provision.revise(phones, run_id=run_id, origin=f"run {run_id}")
    hold(token, [step.id for step in steps])
    outcomes = deliver(phones, outcomes)
    now = utcnow()
    rows = [ended(wanted[outcome.phone_id], outcome, now) for outcome in outcomes]
    gone = {step.id for step in steps} - {row["id"] for row in rows}
    rows += [
        {"id": number, "state": "stopped", "outcome": "gone", "ended_at": now, "worker": None}
        for number in sorted(gone)
    ]
    for group in (
        [row for row in rows if row["state"] == state] for state in ("done", "failed", "stopped")
    ):
        if group:
            db.session.execute(update(RunStep), group)


def hold(token: str, ids: Sequence[int]) -> None:
    """Lock the steps until the commit, if they are still ours."""
    ours = update(RunStep).where(
        RunStep.id.in_(ids), RunStep.worker == token, RunStep.state == "running"
    )
    if changed(ours.values(leased_until=utcnow() + lease())) != len(ids):
        raise LeaseLostError


def ended(step_id: int, outcome: Outcome, now: datetime) -> dict[str, object]:
    row: dict[str, object] = {"id": step_id, "ended_at": now, "outcome": outcome.word}
    row |= {"worker": None, "revision_id": outcome.revision_id}
    if outcome.word == "failed":
        params = {key: str(value) for key, value in (outcome.params or {}).items()}
        return row | {"state": "failed", "message": outcome.message, "params": params}
    return row | {"state": "done"}


def deliver(phones: Sequence[Phone], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Phones pull; only the folder for sites with a server of their own is written, if it is on."""
    config: Config = current_app.extensions["belldesk"]
    if config.export_dir is None:
        return list(outcomes)
    known = {phone.id: phone for phone in phones}
    ids = [outcome.revision_id for outcome in outcomes if outcome.word != "failed"]
    bodies = {
        row.id: row.body
        for row in db.session.execute(
            select(Revision.id, Revision.body).where(Revision.id.in_(ids))
        )
    }
    delivered = []
    for outcome in outcomes:
        phone, body = known[outcome.phone_id], bodies.get(outcome.revision_id or 0)
        try:
            if body is not None:
                export(config.export_dir, registry().model(phone.model), phone.mac, body)
        except ProvisioningError as error:
            outcome = Outcome(phone.id, "failed", outcome.revision_id, error.message, error.params)
        delivered.append(outcome)
    return delivered


def give_back(step_id: int, token: str, error: Exception) -> None:
    """Free the step for another try, or end it with words when it had them all.

    The words name only the kind of error: its text may hold a password.
    """
    step = db.session.scalar(RunStep.held(step_id, token))
    if step is None:
        return
    step.worker = step.leased_until = None
    if step.attempts < ATTEMPTS:
        step.state = "queued"
    else:
        step.state, step.outcome, step.ended_at = "failed", "failed", utcnow()
        step.message = N_("An error in Belldesk (%(error)s); the worker's log has the details")
        step.params = {"error": type(error).__name__}
    db.session.commit()


def settle(run_id: int) -> None:
    """End a run whose steps have all ended. The caller commits."""
    now = utcnow()
    stop = select(Run.id).where(Run.id == run_id, Run.state == "stopping").scalar_subquery()
    db.session.execute(
        update(RunStep)
        .where(RunStep.run_id == stop, RunStep.free(now))
        .values(state="stopped", ended_at=now, worker=None)
        .execution_options(synchronize_session=False)
    )
    if db.session.scalar(RunStep.open(run_id)):
        return
    for before, after in (("stopping", "stopped"), ("running", "ended"), ("queued", "ended")):
        db.session.execute(
            update(Run)
            .where(Run.id == run_id, Run.state == before)
            .values(state=after, ended_at=now)
        )


def release_dead() -> int:
    """Free what workers of this host held that are no more. A living one is never called dead."""
    dead = [token for token in db.session.scalars(RunStep.workers()) if token and is_dead(token)]
    for token in dead:
        db.session.execute(
            update(RunStep)
            .where(RunStep.worker == token, RunStep.state == "running")
            .values(state="queued", worker=None, leased_until=None)
        )
    db.session.commit()
    return len(dead)


def is_dead(token: str) -> bool:
    """Our own number means an earlier life: call this between batches, when we hold no step."""
    host, pid, _ = token.split("/")
    return host == HOST and (int(pid) == os.getpid() or not lives(int(pid)))


def lives(pid: int) -> bool:
    """A zombie waits for its parent to notice and does nothing any more."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(") ")[2][:1]
    except ProcessLookupError:
        return False
    except OSError:  # another user's, or a system without /proc: it is there
        return True
    return state != "Z"
