"""One statement for many rows, prepared once.

SQLAlchemy converts and checks every row anew, which in a storm of phones costs as much as what the
database itself does with them.
"""

from collections.abc import Callable, Iterable
from datetime import UTC
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.dml import Insert, Update

from webapp.extensions import UtcDateTime

WITHOUT_ZONE = len("2026-11-22 00:00:00.000000")


class Bulk:
    """The rows' values are as the driver takes them: a time must be given as `stored_time`."""

    def __init__(
        self, statement: Insert | Update, dialect: Dialect, fields: Iterable[str] | None = None
    ) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(fields) if fields else None)
        self._sql = str(compiled)
        order = compiled.positiontup if compiled.positional else None
        self._pick = itemgetter(*order) if order else None

    def run(self, connection: Connection, rows: list[dict[str, Any]]) -> None:
        if rows:
            values: Any = [self._pick(row) for row in rows] if self._pick else rows
            connection.exec_driver_sql(self._sql, values)


def stored_time(dialect: Dialect) -> Callable[[Any], Any]:
    """Return what turns an aware time into what this database's driver takes."""
    if dialect.name == "sqlite":  # what SQLAlchemy does, in a third of the time
        return lambda time: time.astimezone(UTC).isoformat(" ", "microseconds")[:WITHOUT_ZONE]
    process = UtcDateTime().dialect_impl(dialect).bind_processor(dialect)
    return process or (lambda value: value)
