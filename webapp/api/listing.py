"""Lists, a page at a time by key."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import Response, jsonify, request
from flask_babel import gettext as _
from sqlalchemy import Select

from webapp.api.errors import ApiError
from webapp.paging import Key, decode, page_of
from webapp.selection import number

PAGING = ("after", "limit")
USUAL, MOST = 100, 500


def listed(
    name: str, query: Select[Any], keys: Sequence[Key], shape: Callable[[Any], object]
) -> Response:
    """`after` of the answer is what ?after= of the next question wants; null at the end."""
    cursor = request.args.get("after")
    if cursor is not None and decode(cursor, keys) is None:
        raise ApiError(422, _("This is no “after” of an earlier answer"), field="after")
    page = page_of(query, keys, limit())
    return jsonify({name: [shape(row) for row in page.rows], "after": page.after})


def limit() -> int:
    found = number(request.args.get("limit", str(USUAL)))
    if found is None or not 1 <= found <= MOST:
        words = _("A whole number from 1 to %(most)d is needed", most=MOST)
        raise ApiError(422, words, field="limit")
    return found


def filters() -> dict[str, str]:
    """What the query asks for besides paging; given twice, a filter would mean only one."""
    for name, values in request.args.lists():
        if len(values) > 1:
            raise ApiError(422, _("It is given more than once"), field=name[:60])
    return {name: value for name, value in request.args.items() if name not in PAGING}
