"""A step belongs to who holds its lease.

What is done for a step is committed together with its end, and only while the lease is still held,
so that a worker may be killed at any moment.
"""

import os
import secrets
import socket
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from flask import current_app
from sqlalchemy import Select, update

from provisioning.errors import N_
from webapp.config import Config
from webapp.extensions import db, utcnow
from webapp.jobs.rows import changed
from webapp.models import RunStep

BATCH = 200
ATTEMPTS = 3
HOST = socket.gethostname()[:40].replace("/", "-")
IN_HAND: set[str] = set()  # what this process works on between two batches: pushes under way


class LeaseLostError(Exception):
    """Another worker has taken the steps; what was made here must not be stored."""


def claim(run_id: int, most: int = 0, careful: bool = True) -> list[RunStep]:
    """Take free steps that are due, `most` or a batch of them.

    Many at once; but, when `careful`, one at a time what already failed to end: so a phone that
    kills its worker takes no other phone down with it twice.
    """
    while True:
        now = utcnow()
        free = list(db.session.execute(claimable(run_id, most or BATCH)))
        fresh = [row.id for row in free if row.attempts == 0]
        chosen = fresh or [row.id for row in free[:1]] if careful else [row.id for row in free]
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
        db.session.commit()
        if steps := list(db.session.scalars(RunStep.claimed(token))):
            return steps


def claimable(run_id: int, most: int) -> Select[int, int]:
    """On MariaDB locking reads would lock gaps too, and SQLite has none; both try again instead."""
    query = RunStep.claimable(run_id, utcnow()).limit(most)
    if db.engine.dialect.name == "postgresql":
        return query.with_for_update(skip_locked=True)
    return query


def lease() -> timedelta:
    config: Config = current_app.extensions["belldesk"]
    return timedelta(seconds=config.lease_seconds)


def hold(token: str, ids: Sequence[int]) -> None:
    """Lock the steps until the commit, if they are still ours."""
    ours = update(RunStep).where(
        RunStep.id.in_(ids), RunStep.worker == token, RunStep.state == "running"
    )
    if changed(ours.values(leased_until=utcnow() + lease())) != len(ids):
        raise LeaseLostError


def renew(tokens: Iterable[str]) -> None:
    """Keep what is under way for another while. The caller commits."""
    for token in tokens:
        ours = update(RunStep).where(RunStep.worker == token, RunStep.state == "running")
        changed(ours.values(leased_until=utcnow() + lease()))


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
    """Our own number means an earlier life, but for what is in hand: call this between batches."""
    host, pid, _ = token.split("/")
    if host != HOST or token in IN_HAND:
        return False
    return int(pid) == os.getpid() or not lives(int(pid))


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
