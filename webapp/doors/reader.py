"""Indexed reads on DB-API connections of a door's own: no ORM, no pool checks, no transaction."""

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

from webapp.doors.questions import Question

MAPPED = 256 * 1024 * 1024  # bytes of SQLite's file that are read without a system call
NOT_IN_TIME = 2  # seconds a read may wait for a lock of SQLite's; who asks comes again sooner


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


class Reader:
    """Connections are kept in autocommit and taken by one thread at a time; they belong to the
    process that opened them, so a fork starts with none."""

    def __init__(self, url: str) -> None:
        self._engine: Engine = create_engine(
            existing(url), isolation_level="AUTOCOMMIT", poolclass=NullPool, hide_parameters=True
        )
        self._errors = (self._engine.dialect.loaded_dbapi.Error, SQLAlchemyError)
        self._time = time_reader(self._engine.dialect)
        # SQLite reads from memory: one thread after the other is quicker than eight that hand the
        # interpreter to each other in the middle of it. A server is waited for side by side.
        self._takes_turns = self._engine.dialect.name == "sqlite"
        self._turn: Any = threading.Lock() if self._takes_turns else nullcontext()
        self._free: deque[PoolProxiedConnection] = deque()
        self._pid = os.getpid()

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
