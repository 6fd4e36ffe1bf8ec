"""A batch of the fetch log becomes rows: fetches, what each phone took last, unknown phones."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Engine, bindparam, func, insert, or_, update

from webapp.bulk import Bulk, stored_time
from webapp.doors import strays
from webapp.doors.entry import Entry, clean, clean_file
from webapp.doors.pins import PinRows, close_windows
from webapp.doors.watch import Watch
from webapp.models import Fetch, Phone

FETCH_FIELDS = (
    *("at", "transport", "method", "file", "mac", "address", "user_agent"),
    *("status", "reason", "sent", "phone_id", "site_id", "revision_id", "sha256"),
)
ADD_FETCH = insert(Fetch).inline()
# Several processes write: a batch that was held up must not overwrite a later fetch.
MOVE_STATE = (
    update(Phone)
    .where(Phone.id == bindparam("phone"))
    .where(or_(Phone.fetched_at.is_(None), Phone.fetched_at <= bindparam("fetched_at")))
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


class LogRows:
    """Writes batches: fetches and states in one transaction, the unknown phones in another."""

    def __init__(self, engine: Engine, watch: Watch) -> None:
        self._engine, self._watch = engine, watch
        self._fetches = Bulk(ADD_FETCH, engine.dialect, FETCH_FIELDS)
        self._states = Bulk(MOVE_STATE, engine.dialect)
        self._pins = PinRows(engine.dialect)
        self._time = stored_time(engine.dialect)

    def write(self, batch: Sequence[Entry]) -> None:
        unknown = [entry for entry in batch if entry.reason == "unknown_phone"]
        sites = strays.Sites.read(self._engine) if unknown else None
        rows = [fetch_row(entry, sites) for entry in batch if entry.row]
        states = state_rows(batch)
        for row in rows:
            row["at"] = self._time(row["at"])
        for row in states:
            row["fetched_at"] = self._time(row["fetched_at"])
        if rows:
            with self._engine.begin() as connection:
                self._fetches.run(connection, rows)
                self._states.run(connection, states)
                late = self._pins.write(connection, batch)
                close_windows(connection, batch)
            for entry in late:
                self._watch.see_second_network(entry)
        if sites:
            strays.write(self._engine, unknown, sites)


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
        "file": clean_file(entry.file),
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


def took_it(entry: Entry) -> bool:
    """The phone has this revision now; HEAD only asked, 499 went away before the end.

    A bootstrap is no revision: who took it has not got the phone's file.
    """
    took = entry.status in (200, 304) and entry.method == "GET"
    return took and entry.phone_id is not None and entry.revision_id is not None


def state_rows(batch: Iterable[Entry]) -> list[dict[str, Any]]:
    """The last fetch of each phone, in the order of their ids: two processes never cross locks."""
    latest: dict[int, dict[str, Any]] = {}
    for entry in sorted(filter(took_it, batch), key=attrgetter("at")):
        row = state_row(entry)
        before = latest.get(row["phone"], row)
        row["new_firmware"] = row["new_firmware"] or before["new_firmware"]
        row["new_user_agent"] = row["new_user_agent"] or before["new_user_agent"]
        latest[row["phone"]] = row
    return [latest[phone_id] for phone_id in sorted(latest)]


def state_row(entry: Entry) -> dict[str, Any]:
    return {
        "phone": entry.phone_id,
        "fetched_revision_id": entry.revision_id,
        "fetched_sha256": entry.sha256,
        "fetched_at": entry.at,
        "fetched_address": clean(entry.address, 45),
        "fetched_by": entry.transport,
        "new_firmware": clean(entry.clues.firmware, 60) or None,
        "new_user_agent": clean(entry.user_agent, 300) or None,
    }
