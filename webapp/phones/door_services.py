"""What is done to the ways in of phones: windows of the site's key, keys of their own."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Select, select, update

from webapp import audit
from webapp.chunks import chunks
from webapp.door_keys import drop_bootstraps, window
from webapp.extensions import db, utcnow
from webapp.models import Phone
from webapp.models.phone import new_key


class Rotated(NamedTuple):
    """How many have a new key, and how many kept theirs since the one before it still works."""

    done: int
    left: int


def arm(phones: Select[Any], hours: int) -> tuple[int, datetime | None]:
    """Open the windows of the phones and forget their networks; return how many, and until when."""
    until = window(hours)
    changes = {"armed_until": until.isoformat() if until else None}
    return change(phones, "arm", changes, armed_until=until, pinned_network=None), until


def close(phones: Select[Any]) -> int:
    return change(phones, "disarm", {}, armed_until=None)


def forget_network(phones: Select[Any]) -> int:
    return change(phones, "forget network", {}, pinned_network=None)


def change(phones: Select[Any], action: str, changes: dict[str, Any], **values: Any) -> int:
    ids = ids_of(phones)
    for part in chunks(ids):
        db.session.execute(update(Phone).where(Phone.id.in_(part)).values(**values))
    note(action, ids, changes)
    return len(ids)


def rotate_keys(phones: Select[Any], days: int, again: bool = False) -> Rotated:
    """Give the phones new keys; the old ones work for `days` more, or stop at once.

    A phone that may not have learned its last key yet keeps it unless `again`: of two new keys in a
    row the first one's file could be the last that the phone ever gets.
    """
    ids = ids_of(phones)
    until = utcnow() + timedelta(days=days) if days else None
    done = [number for part in chunks(ids) for number in rotate_part(part, until, again)]
    note("rotate key", done, {"key": [audit.HIDDEN] * 2, "days": days})
    return Rotated(len(done), len(ids) - len(done))


def rotate_part(ids: Sequence[int], until: datetime | None, again: bool) -> list[int]:
    columns = Phone.id, Phone.key_digest, Phone.door_password, Phone.previous_key_until
    held = select(*columns).where(Phone.id.in_(ids)).order_by(Phone.id).with_for_update()
    now = utcnow()
    rows = [
        {"id": number, **new_key(digest, password, until)}
        for number, digest, password, overlap in db.session.execute(held)
        if again or overlap is None or overlap <= now
    ]
    for group in (
        [row for row in rows if "door_password" in row],
        [row for row in rows if "door_password" not in row],
    ):
        if group:
            db.session.execute(update(Phone), group)
    drop_bootstraps([row["id"] for row in rows])
    return [row["id"] for row in rows]


def ids_of(phones: Select[Any]) -> list[int]:
    return list(db.session.scalars(phones.with_only_columns(Phone.id).order_by(Phone.id)))


def note(action: str, ids: Sequence[int], changes: dict[str, Any]) -> None:
    """One row of the audit for all; of a single phone it is that phone's."""
    if len(ids) == 1:
        phone = db.session.get_one(Phone, ids[0])
        audit.record(action, "Phone", phone.id, str(phone), changes)
    elif ids:
        changes |= {"phones": list(ids[:200])}
        audit.record(action, "Phone", None, f"{len(ids)} phones", changes)
