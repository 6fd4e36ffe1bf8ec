"""The keys of phones that an upload adds or changes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from provisioning.keys import place_of, written
from provisioning.model import Key
from webapp import function_keys
from webapp.chunks import chunks
from webapp.extensions import db
from webapp.models import FunctionKey

Kept = dict[int, list[FunctionKey]]


def keys_of(phone_ids: Sequence[int]) -> Kept:
    """The keys of these phones themselves, read for all of them at once."""
    found: Kept = {}
    for part in chunks(sorted(set(phone_ids))):
        query = select(FunctionKey).where(FunctionKey.phone_id.in_(part))
        for row in db.session.scalars(query):
            found.setdefault(row.phone_id or 0, []).append(row)
    return found


def written_keys(keys: Iterable[Key | FunctionKey]) -> dict[str, str]:
    """Each key by its place, as text."""
    plain = [key if isinstance(key, Key) else function_keys.plain(key) for key in keys]
    return {place_of(key): written(key) for key in plain}


def put(phone_id: int, keys: Iterable[Key], held: Sequence[FunctionKey]) -> None:
    """Set the keys that a row names; the others stay."""
    present = {(row.module, row.position): row for row in held}
    for key in keys:
        function_keys.put(present.get((key.module, key.position)), key, phone_id=phone_id)


def part_of_state(texts: Mapping[str, str]) -> dict[str, Any]:
    """What keys add to a phone's state for the undo; nothing where there are none, so that what was
    noted before phones had keys still fits."""
    return {"keys": dict(texts)} if texts else {}


def restore(phone_id: int, state: Mapping[str, Any], held: Sequence[FunctionKey]) -> None:
    """Make the phone's own keys those that `part_of_state` noted."""
    texts: Mapping[str, str] = state.get("keys", {})
    keys = [function_keys.parsed(text) for text in texts.values()]
    function_keys.save(held, keys, phone_id=phone_id)
