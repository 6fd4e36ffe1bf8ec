"""What programs send: JSON objects whose every field is known and of its type."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from flask import request
from flask_babel import gettext as _

from webapp.api.errors import ApiError

LONGEST_NUMBER = 40  # digits
LARGEST = 2 * 1024 * 1024  # octets; 10,000 phones by their addresses are 200 KB


def body(known: Collection[str]) -> dict[str, Any]:
    """The object that was sent; a field that is not known is refused, not passed over."""
    if not request.is_json:
        raise ApiError(415)
    sent = request.get_data()
    if len(sent) > LARGEST:
        raise ApiError(413)
    try:
        found = json.loads(sent, parse_int=whole)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, _("The body is not valid JSON")) from error
    if not isinstance(found, dict):
        raise ApiError(400, _("The body must be a JSON object"))
    if not all(map(storable, texts(found))):
        raise ApiError(400, _("A text contains a character that cannot be stored"))
    only(found, known)
    return found


def whole(digits: str) -> int:
    """No field means a number that long, and what would be done with it might not bear it."""
    if len(digits) > LONGEST_NUMBER:
        raise ValueError(digits[:LONGEST_NUMBER])
    return int(digits)


def texts(found: object) -> Iterable[str]:
    """Every text in it, keys too; without recursion, for it may be nested deeply."""
    left = [found]
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            left += [*value.keys(), *value.values()]


def storable(text: str) -> bool:
    """PostgreSQL takes no NUL, and half a surrogate pair is no character."""
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)


def only(sent: Iterable[str], known: Collection[str], where: str = "") -> None:
    for name in sent:
        if name not in known:
            words = _("“%(name)s” is not known here, only %(known)s", name=name[:60],
                      known=", ".join(known))  # fmt: skip
            raise ApiError(422, words, field=where + name[:60])


def text(sent: Mapping[str, Any], name: str, where: str = "") -> str:
    """A text; "" when it is absent or null."""
    value = sent.get(name)
    if value is not None and not isinstance(value, str):
        raise ApiError(422, _("A text is needed"), field=where + name)
    return value or ""


def flag(sent: Mapping[str, Any], name: str) -> bool:
    value = sent.get(name, False)
    if not isinstance(value, bool):
        raise ApiError(422, _("true or false is needed"), field=name)
    return value


def objects(sent: Mapping[str, Any], name: str, kind: type, most: int) -> list[Any]:
    """A list of at most so many values of one kind."""
    value = sent.get(name)
    if not isinstance(value, list) or any(not isinstance(one, kind) for one in value):
        raise ApiError(422, _("A list is needed"), field=name)
    if len(value) > most:
        raise ApiError(422, _("At most %(count)d at a time", count=most), field=name)
    return value
