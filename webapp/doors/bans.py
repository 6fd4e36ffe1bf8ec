"""Bans: written by whichever process counted the failures, read by all of them."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from webapp.audit import Actor, row
from webapp.doors.flood import source
from webapp.doors.lookup import UnavailableError
from webapp.extensions import db
from webapp.models import AuditEntry, Ban

READ_EVERY = 3.0  # seconds
LENGTHS = (
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
FORGIVEN = timedelta(days=7)  # after the last one a source begins anew
BANNED_BY = Actor("phones' door")


class Bans:
    """Which sources are banned now. Asked at every request, so it seldom asks the database."""

    def __init__(self, read: Callable[[], frozenset[str]]) -> None:
        self._read = read
        self._sources: frozenset[str] = frozenset()
        self._next = 0.0

    def stop(self, address: str) -> bool:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + READ_EVERY
            self._refresh()
        return bool(self._sources) and source(address) in self._sources

    def _refresh(self) -> None:
        """A database that does not answer lifts no ban; who serves a phone will say so."""
        try:
            self._sources = self._read()
        except UnavailableError:
            return

    def look_again(self) -> None:
        self._next = 0.0


def lift(address: str) -> bool:
    """Let a source in again, as if nothing had been. The caller commits."""
    found = db.session.scalar(select(Ban).where(Ban.source == source(address)))
    if found is None:
        return False
    db.session.delete(found)
    return True


def ban(connection: Connection, name: str, now: datetime) -> timedelta | None:
    """Ban a source, each time for longer; None when it is banned already."""
    query = select(Ban.id, Ban.until, Ban.times).where(Ban.source == name).with_for_update()
    found = connection.execute(query).one_or_none()
    if found and found.until > now:
        return None
    again = found is not None and now - found.until < FORGIVEN
    times = found.times + 1 if found and again else 1
    length = LENGTHS[min(times, len(LENGTHS)) - 1]
    values = {"since": now, "until": now + length, "times": times}
    if found:
        connection.execute(update(Ban).where(Ban.id == found.id).values(**values))
    else:
        connection.execute(insert(Ban).values(source=name, **values))
    changes = {"until": [None, (now + length).isoformat()], "times": [None, times]}
    connection.execute(insert(AuditEntry), [row("create", "Ban", None, name, changes, BANNED_BY)])
    return length
