"""Pages of a big table by key: the next page starts after the last row, so none costs an OFFSET."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from flask import request
from sqlalchemy import ColumnElement, Integer, Select, and_, or_

from webapp.extensions import UtcDateTime, db
from webapp.incoming import LARGEST_ID

T = TypeVar("T")
SIZE = 50


@dataclass(frozen=True, slots=True)
class Key:
    """One part of an order: the expression in SQL and the attribute of a row that holds it.

    The last key of an order must be unique.
    """

    column: Any
    attribute: str
    descending: bool = False

    def order(self, backwards: bool) -> Any:
        return self.column.desc() if self.descending != backwards else self.column.asc()

    def beyond(self, value: Any, backwards: bool) -> Any:
        return self.column < value if self.descending != backwards else self.column > value


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`after` and `before` are the cursors of the neighbouring pages, None where there is none."""

    rows: list[T]
    after: str | None
    before: str | None


def page_of(query: Select[Any], keys: Sequence[Key], size: int = SIZE) -> Page[Any]:
    """The page that the address asks for by ?after= or ?before=; a strange cursor is the first."""
    backwards = "before" in request.args
    position = decode(request.args.get("before") or request.args.get("after") or "", keys)
    if position is None:
        backwards = False
    else:
        query = query.where(beyond(keys, position, backwards))
    ordered = query.order_by(*(key.order(backwards) for key in keys)).limit(size + 1)
    found = list(db.session.scalars(ordered))
    more, rows = len(found) > size, found[:size]
    if backwards:
        rows.reverse()
    return Page(
        rows,
        encode(keys, rows[-1]) if rows and (more or backwards) else None,
        encode(keys, rows[0]) if rows and (more if backwards else position) else None,
    )


def beyond(keys: Sequence[Key], position: Sequence[Any], backwards: bool) -> ColumnElement[bool]:
    """(a, b) > (x, y) written out: databases differ in what they make of mixed directions."""
    choices = []
    for number, (key, value) in enumerate(zip(keys, position, strict=True)):
        same = [k.column == v for k, v in zip(keys[:number], position[:number], strict=True)]
        choices.append(and_(*same, key.beyond(value, backwards)))
    return or_(*choices)


def encode(keys: Sequence[Key], row: object) -> str:
    values = [plain(getattr(row, key.attribute)) for key in keys]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def decode(cursor: str, keys: Sequence[Key]) -> list[Any] | None:
    """Read a cursor of these keys; None when it is none that `encode` made."""
    if not cursor:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        found = [moment(v["t"]) if isinstance(v, dict) else v for v in values]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    good = len(found) == len(keys) and all(map(fits, keys, found))
    return found if good else None


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def fits(key: Key, value: object) -> bool:
    """True when the column can be compared with it: PostgreSQL is strict about that."""
    if isinstance(key.column.type, UtcDateTime):
        return isinstance(value, datetime)
    if isinstance(key.column.type, Integer):
        return type(value) is int and abs(value) <= LARGEST_ID
    return isinstance(value, str) and value.isprintable()


def plain(value: Any) -> Any:
    return {"t": value.isoformat()} if isinstance(value, datetime) else value


def chosen_sort(allowed: Sequence[str], default: str) -> str:
    """What ?sort= asks for ("mac", "-mac"), if such a sort exists."""
    wanted = request.args.get("sort", default)
    return wanted if wanted.removeprefix("-") in allowed else default
