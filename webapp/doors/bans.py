"""Bans: written by whichever process counted the failures, read by all of them."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from webapp.audit import Actor, row
from webapp.doors.flood import source
from webapp.doors.reread import Reread
from webapp.extensions import db
from webapp.models import AuditEntry, Ban

LENGTHS = (
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
FORGIVEN = timedelta(days=7)  # after the last one a source begins anew
BANNED_BY = Actor("phones' door")


class Bans(Reread[frozenset[str]]):
    """Which sources are banned now. Asked at every request, so it seldom asks the database."""

    def __init__(self, read: Callable[[], frozenset[str]]) -> None:
        super().__init__(read, frozenset())

    def stop(self, address: str) -> bool:
        sources = self.now()
        return bool(sources) and source(address) in sources


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
