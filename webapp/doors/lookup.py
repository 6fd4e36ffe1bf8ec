"""One indexed read per request, on DB-API connections of the door's own."""

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Dialect, Engine, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, PoolProxiedConnection

from provisioning.answer import Stored
from webapp.bulk import stored_time
from webapp.doors.questions import (
    Question,
    bans_statement,
    bootstrap_statement,
    passwords_statement,
    phone_statement,
    schemes_statement,
)
from webapp.extensions import utcnow

MAPPED = 256 * 1024 * 1024  # bytes of SQLite's file that are read without a system call
TIMES = [Stored._fields.index(name) for name in Stored._fields if name.endswith("_until")]
REVISION = Stored._fields.index("revision_id")
NOT_IN_TIME = 2  # seconds a read may wait for a lock of SQLite's; a phone asks again sooner


class UnavailableError(Exception):
    """The database does not answer."""


def existing(url: str) -> URL:
    """Keep SQLite from making an empty database where one should be."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return parsed
    file = quote(parsed.database or "")
    return parsed.set(database=f"file:{file}", query={"mode": "rw", "uri": "true"})


def time_reader(dialect: Dialect) -> Callable[[Any], datetime]:
    """What UtcDateTime does; of SQLite's text in a sixth of the time."""
    if dialect.name == "sqlite":
        return lambda text: datetime.fromisoformat(f"{text}+00:00")
    return lambda naive: naive.replace(tzinfo=UTC)


class StoredPhones:
    """provisioning.answer.Lookup on the database, without ORM, pool checks or transaction.

    Connections are kept in autocommit and taken by one thread at a time; they belong to the process
    that opened them, so a fork starts with none.
    """

    def __init__(self, url: str) -> None:
        self._engine: Engine = create_engine(
            existing(url), isolation_level="AUTOCOMMIT", poolclass=NullPool, hide_parameters=True
        )
        self._phone = Question(phone_statement(""), self._engine.dialect)
        self._bootstrap = Question(bootstrap_statement(0), self._engine.dialect)
        self._bans = Question(bans_statement(utcnow()), self._engine.dialect)
        self._passwords = Question(passwords_statement(0), self._engine.dialect)
        self._schemes = Question(schemes_statement(""), self._engine.dialect)
        self._stored_time = stored_time(self._engine.dialect)
        self._somebody = ""
        self._errors = (self._engine.dialect.loaded_dbapi.Error, SQLAlchemyError)
        self._time = time_reader(self._engine.dialect)
        # SQLite reads from memory: one thread after the other is quicker than eight that hand the
        # interpreter to each other in the middle of it. A server is waited for side by side.
        self._takes_turns = self._engine.dialect.name == "sqlite"
        self._turn: Any = threading.Lock() if self._takes_turns else nullcontext()
        self._free: deque[PoolProxiedConnection] = deque()
        self._pid = os.getpid()

    def by_mac(self, mac: str) -> Stored | None:
        """Read what is known of a phone; raise UnavailableError if the database does not answer."""
        row = self._ask(self._phone, mac)
        if row is None:
            return None
        self._somebody = mac
        return self._stored(row)

    def with_bootstrap(self, stored: Stored) -> Stored | None:
        """Put the phone's bootstrap in the place of its file; None if it has none yet."""
        row = self._ask(self._bootstrap, stored.phone_id)
        if row is None:
            return None
        sha256, size, content_type, body = row
        return stored._replace(
            revision_id=None, sha256=sha256, size=size, content_type=content_type, body=body
        )

    def even_out(self, stored: Stored | None) -> None:
        """Before a refusal: read what was not read, a phone that is there or one that is not.

        Who measures the time of refusals would else learn which phones there are.
        """
        self._ask(self._phone, "" if stored else self._somebody)

    def banned(self) -> frozenset[str]:
        rows = self._ask(self._bans, self._stored_time(utcnow()), all_rows=True)
        return frozenset(row[0] for row in rows)

    def passwords(self, phone_id: int) -> list[bytes]:
        """The sealed passwords that a phone may give now."""
        row = self._ask(self._passwords, phone_id)
        if row is None or row[0] is None:
            return []
        overlaps = row[1] is not None and row[2] is not None and self._time(row[2]) > utcnow()
        return [bytes(sealed) for sealed in (row[:2] if overlaps else row[:1])]

    def schemes(self) -> dict[str, str]:
        """How sites ask for a password, by the digests of the keys that open them now."""
        found = {}
        for present, previous, until, scheme in self._ask(self._schemes, "none", all_rows=True):
            found[present] = scheme
            if previous and until is not None and self._time(until) > utcnow():
                found[previous] = scheme
        return found

    def _ask(self, question: Question, value: object, all_rows: bool = False) -> Any:
        if self._pid != os.getpid():
            self._forget_the_parents()
        with self._turn:
            try:
                return self._read(question, value, all_rows)
            except self._errors:
                return self._read_anew(question, value, all_rows)

    def _read(self, question: Question, value: object, all_rows: bool) -> Any:
        try:
            connection = self._free.pop()
        except IndexError:
            connection = self._open()
        try:
            cursor = connection.cursor()
            cursor.execute(question.sql, question.values(value))
            found = cursor.fetchall() if all_rows else cursor.fetchone()
            cursor.close()
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        self._free.append(connection)
        return found

    def _read_anew(self, question: Question, value: object, all_rows: bool) -> Any:
        """Try once more with a new connection: the database may have been restarted meanwhile."""
        self.close()
        try:
            return self._read(question, value, all_rows)
        except self._errors as error:
            raise UnavailableError(str(error)) from error

    def _open(self) -> PoolProxiedConnection:
        connection = self._engine.raw_connection()
        if self._takes_turns:
            cursor = connection.cursor()
            cursor.execute("PRAGMA query_only=ON")
            cursor.execute(f"PRAGMA busy_timeout={NOT_IN_TIME * 1000}")
            cursor.execute(f"PRAGMA mmap_size={MAPPED}")
            cursor.close()
        return connection

    def _stored(self, row: Any) -> Stored:
        values = list(row)
        for at in TIMES:
            if values[at] is not None:
                values[at] = self._time(values[at])
        if values[REVISION] is None:
            return Stored(*values[:REVISION])
        return Stored._make(values)

    def _forget_the_parents(self) -> None:
        """Leave a parent's connections alone: a goodbye on their sockets would end them for it."""
        for connection in self._free:
            connection.detach()
        self._inherited = list(self._free)
        self._free.clear()
        self._turn = threading.Lock() if self._takes_turns else nullcontext()
        self._pid = os.getpid()

    def close(self) -> None:
        while self._free:
            self._free.pop().close()
