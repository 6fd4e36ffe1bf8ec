"""Everything that is sealed in the database, sealed again with the first of our keys.

The columns are found by their types, so that a new one cannot be forgotten. Each batch is its own
transaction and a value that somebody wrote meanwhile is left to the next pass: it may be stopped at
any moment, begun again, and go on while the desk works.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, LargeBinary, Table, case, func, null, select, type_coerce, update

from webapp.extensions import db
from webapp.secretbox import HEAD, Packed, Sealed, SecretBoxError, box

Row = tuple[Any, ...]  # the row's own key, then its sealed values
TEXTS, BODIES = 200, 20  # rows of a batch: an uploaded list may have some MB
PASSES = 5


@dataclass(slots=True)
class Resealed:
    """`changed` counts values by table; `unreadable` names rows with a value that no key opens."""

    changed: dict[str, int] = field(default_factory=dict)
    left: int = 0
    unreadable: list[str] = field(default_factory=list)


def sealed_columns() -> dict[Table, list[Column[Any]]]:
    return {
        table: columns
        for table in db.metadata.sorted_tables
        if (columns := [c for c in table.columns if isinstance(c.type, Sealed | Packed)])
    }


def reseal(said: Callable[[str, int], None] = lambda table, changed: None) -> Resealed:
    """Rewrite until nothing is left that another key wrote; `said` hears of each table."""
    done = Resealed()
    for _ in range(PASSES):
        for table, columns in sealed_columns().items():
            changed = sum(rewritten(table, columns, rows) for rows in old_rows(table, columns))
            done.changed[table.name] = done.changed.get(table.name, 0) + changed
            said(table.name, done.changed[table.name])
        done.left, done.unreadable = remains()
        if done.left == len(done.unreadable):
            break
    return done


def remains() -> tuple[int, list[str]]:
    """How many rows hold what another key wrote, and the names of those that no key opens."""
    left, unreadable = 0, []
    for table, columns in sealed_columns().items():
        for row in (row for rows in old_rows(table, columns) for row in rows):
            left += 1
            if not all(opens(value) for value in row[1:] if value is not None):
                unreadable.append(f"{table.name} {row[0]}")
    return left, unreadable


def opens(sealed: bytes) -> bool:
    try:
        box().rotate(sealed)
    except SecretBoxError:
        return False
    return True


def old_rows(table: Table, columns: list[Column[Any]]) -> Iterator[list[Row]]:
    """Yield batches of the rows with a value that another key than the first wrote."""
    [own] = table.primary_key.columns
    size = BODIES if any(isinstance(column.type, Packed) for column in columns) else TEXTS
    query = select(own, *(unless_first(column) for column in columns)).order_by(own).limit(size)
    last: Any = None
    while True:
        with db.engine.begin() as connection:
            found = connection.execute(query if last is None else query.where(own > last)).all()
        rows = [(row[0], *(None if v is None else bytes(v) for v in row[1:])) for row in found]
        yield [row for row in rows if any(is_old(value) for value in row[1:])]
        if len(rows) < size:
            return
        last = rows[-1][0]


def is_old(value: bytes | None) -> bool:
    return value is not None and not box().is_first(value)


def unless_first(column: Column[Any]) -> Any:
    """The sealed octets, NULL for a body of the first key: those need not be read to be known."""
    raw = type_coerce(column, LargeBinary)
    head = func.substr(raw, 1, HEAD, type_=LargeBinary)
    return case((head == box().head, null()), else_=raw)


def rewritten(table: Table, columns: list[Column[Any]], rows: list[Row]) -> int:
    """Write the rows' values again in one transaction, each only if it is still what was read."""
    [own] = table.primary_key.columns
    old = [
        (row[0], column, value)
        for row in rows
        for column, value in zip(columns, row[1:], strict=True)
        if is_old(value) and opens(value)
    ]
    if not old:
        return 0
    changed = 0
    with db.engine.begin() as connection:
        for number, column, value in old:
            fresh = type_coerce(box().rotate(value), LargeBinary)
            same = type_coerce(column, LargeBinary) == value
            statement = update(table).where(own == number, same).values({column: fresh})
            changed += connection.execute(statement).rowcount
    return changed
