"""One statement for many rows, prepared once.

SQLAlchemy converts and checks every row anew, which in a storm of phones costs as much as what the
database itself does with them.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.dml import Insert, Update

from webapp.chunks import chunks
from webapp.extensions import UtcDateTime


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


class ManyRows:
    """One statement for a whole batch, for SQLite.

    There `executemany` lets go of the interpreter and takes it again for every single row. In a
    process that serves phones with another thread this costs more than the row itself. `{rows}`
    in the text becomes a VALUES list, in the order of the fields.
    """

    def __init__(self, text: str, fields: Sequence[str]) -> None:
        self._text = text
        self._pick = itemgetter(*fields)
        self._row = f"({', '.join('?' * len(fields))})"

    def run(self, connection: Connection, rows: list[dict[str, Any]]) -> None:
        for part in chunks(rows):
            text = self._text.replace("{rows}", ", ".join([self._row] * len(part)))
            connection.exec_driver_sql(text, tuple(chain.from_iterable(map(self._pick, part))))


def stored_time(dialect: Dialect) -> Callable[[Any], Any]:
    """Return what turns an aware time into what this database's driver takes."""
    process = UtcDateTime().dialect_impl(dialect).bind_processor(dialect)
    return process or (lambda value: value)
