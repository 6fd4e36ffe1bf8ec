"""What comes round: the reaper, which calls for forgotten work, and the purge of what is old."""

import fcntl
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask import current_app
from sqlalchemy import text

from webapp.audit import acting_as
from webapp.config import Config
from webapp.extensions import db, utcnow
from webapp.jobs.counts import count_today
from webapp.jobs.purge import purge
from webapp.jobs.queue import TASKS, enqueue

log = logging.getLogger("belldesk.jobs")
HOUR = 3600.0
LOCK = 7_255_376


class Clock:
    """Says what is due in this worker. Several workers take turns by `alone`."""

    def __init__(self) -> None:
        config: Config = current_app.extensions["belldesk"]
        self.pause = max(config.lease_seconds / 2, 1)
        self.next_repair = time.monotonic() + self.pause
        self.next_purge = time.monotonic()

    def tick(self) -> None:
        now = time.monotonic()
        if now >= self.next_repair:
            self.next_repair = now + self.pause
            with alone() as mine:
                if mine:
                    repair(self.pause)
        if now >= self.next_purge:
            self.next_purge = now + HOUR
            with alone() as mine:
                if mine:
                    tidy()


def repair(quiet_seconds: float) -> int:
    """Call for all work on which nothing happened for so long: a message or a worker was lost."""
    since = utcnow() - timedelta(seconds=quiet_seconds)
    calls = [(task.name, number) for task in TASKS.values() for number in task.unfinished(since)]
    db.session.rollback()
    for name, number in calls:
        enqueue(name, number)
    return len(calls)


def tidy() -> None:
    with acting_as("worker"):
        gone = purge()
        count_today()
        db.session.commit()
    if any(gone.values()):
        log.info("purged %s", ", ".join(f"{count} {what}" for what, count in gone.items() if count))


@contextmanager
def alone() -> Iterator[bool]:
    """True for one worker at a time, whatever the database."""
    dialect = db.engine.dialect.name
    if dialect == "sqlite":
        config: Config = current_app.extensions["belldesk"]
        with (config.instance / "periodic.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        return
    take, give = {
        "postgresql": (
            f"SELECT pg_try_advisory_lock({LOCK})",
            f"SELECT pg_advisory_unlock({LOCK})",
        ),
        "mysql": (
            "SELECT GET_LOCK('belldesk-periodic', 0)",
            "SELECT RELEASE_LOCK('belldesk-periodic')",
        ),
    }[dialect]
    with db.engine.connect() as connection:
        mine = bool(connection.scalar(text(take)))
        connection.commit()
        try:
            yield mine
        finally:
            if mine:
                connection.execute(text(give))
