"""A batch of the fetch log becomes rows: fetches, what each phone took last, unknown phones."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, func, insert, or_, update

from webapp.doors import strays
from webapp.doors.entry import Entry, clean
from webapp.extensions import UtcDateTime
from webapp.models import Fetch, Phone

WRITE_FETCH = insert(Fetch)
# Several processes write: a batch that was held up must not overwrite a later fetch.
WRITE_STATE = (
    update(Phone)
    .where(Phone.id == bindparam("phone"))
    .where(
        or_(
            Phone.fetched_at.is_(None),
            Phone.fetched_at <= bindparam("fetched_at", type_=UtcDateTime()),
        )
    )
    .values(
        fetched_revision_id=bindparam("fetched_revision_id"),
        fetched_sha256=bindparam("fetched_sha256"),
        fetched_at=bindparam("fetched_at"),
        fetched_address=bindparam("fetched_address"),
        fetched_by=bindparam("fetched_by"),
        firmware=func.coalesce(bindparam("new_firmware"), Phone.firmware),
        user_agent=func.coalesce(bindparam("new_user_agent"), Phone.user_agent),
    )
)


def write(engine: Engine, batch: Sequence[Entry]) -> None:
    """Write a batch in one transaction, and then the strays, which may have to be tried twice."""
    unknown = [entry for entry in batch if entry.reason == "unknown_phone"]
    sites = strays.Sites.read(engine) if unknown else None
    rows = [fetch_row(entry, sites) for entry in batch if entry.row]
    states = state_rows(batch)
    if rows or states:
        with engine.begin() as connection:
            write_rows(connection, rows, states)
    if sites:
        strays.write(engine, unknown, sites)


def write_rows(
    connection: Connection, rows: list[dict[str, Any]], states: list[dict[str, Any]]
) -> None:
    if rows:
        connection.execute(WRITE_FETCH, rows)
    if states:
        connection.execute(WRITE_STATE, states)


def fetch_row(entry: Entry, sites: strays.Sites | None) -> dict[str, Any]:
    site_id, reason = entry.site_id, entry.reason
    if sites and reason == "unknown_phone":
        site_id = sites.of(entry)
        if entry.transport == "http" and site_id is None:
            reason = "wrong_key"
    return {
        "at": entry.at,
        "transport": entry.transport,
        "method": clean(entry.method, 5),
        "file": clean(entry.file, 120),
        "mac": entry.clues.mac,
        "address": clean(entry.address, 45),
        "user_agent": clean(entry.user_agent, 300),
        "status": entry.status,
        "reason": reason,
        "sent": entry.sent,
        "phone_id": entry.phone_id,
        "site_id": site_id,
        "revision_id": entry.revision_id,
        "sha256": entry.sha256,
    }


def state_rows(batch: Iterable[Entry]) -> list[dict[str, Any]]:
    """The last fetch of each phone, in the order of their ids: two processes never cross locks."""
    latest: dict[int, Entry] = {}
    for entry in batch:
        if entry.took_it and entry.phone_id is not None:
            before = latest.get(entry.phone_id)
            if before is None or before.at <= entry.at:
                latest[entry.phone_id] = entry
    return [state_row(phone_id, latest[phone_id]) for phone_id in sorted(latest)]


def state_row(phone_id: int, entry: Entry) -> dict[str, Any]:
    return {
        "phone": phone_id,
        "fetched_revision_id": entry.revision_id,
        "fetched_sha256": entry.sha256,
        "fetched_at": entry.at,
        "fetched_address": clean(entry.address, 45),
        "fetched_by": entry.transport,
        "new_firmware": clean(entry.clues.firmware, 60) or None,
        "new_user_agent": clean(entry.user_agent, 300) or None,
    }
