"""The network of a phone's first good fetch and, at a `strict` site, the end of its window once it
came with its own key: kept in memory at once, written with the log.

Two requests within the moment before it is written: in one process the second network is refused
from memory; two processes may both serve, and then whoever writes second finds another network and
says so. Another process sees a closed window once it is written.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Dialect, bindparam, insert, select, update

from provisioning.answer import Stored
from webapp.audit import Actor, row
from webapp.bulk import Bulk
from webapp.doors.entry import Entry
from webapp.models import AuditEntry, Phone

UNTIL_WRITTEN = 60.0  # seconds; a log that is further behind has lost its database
MOST = 20_000
CLOSED_BY = Actor("phones' door")
Window = tuple[int, datetime | None]

PIN = (
    update(Phone)
    .where(Phone.id == bindparam("phone"), Phone.pinned_network.is_(None))
    .values(pinned_network=bindparam("network"))
)


class FreshPins:
    """What this process has pinned and may not yet be in the database.

    A pin belongs to a window: a phone that was armed again in the meantime is not held to it.
    """

    def __init__(self) -> None:
        self._pins: dict[Window, tuple[str, float]] = {}
        self._closed: OrderedDict[Window, float] = OrderedDict()

    def seen(self, stored: Stored) -> Stored:
        """Return the phone as it will be once the log is written."""
        window, now = (stored.phone_id, stored.armed_until), time.monotonic()
        found = self._pins.get(window)
        if stored.pinned_network is None and found is not None and found[1] >= now:
            stored = stored._replace(pinned_network=found[0])
        if self._closed.get(window, 0.0) >= now:
            stored = stored._replace(armed_until=None)
        return stored

    def claim(self, stored: Stored, network: str) -> bool:
        """Pin the phone; False when another thread has just pinned it elsewhere."""
        if len(self._pins) >= MOST:
            self._pins.clear()
        now = time.monotonic()
        window = (stored.phone_id, stored.armed_until)
        held, until = self._pins.setdefault(window, (network, now + UNTIL_WRITTEN))
        if until < now:
            held, _ = self._pins[window] = (network, now + UNTIL_WRITTEN)
        return held == network

    def close(self, stored: Stored) -> None:
        """End the phone's window; what is forgotten for want of room is in the database by then."""
        self._closed[stored.phone_id, stored.armed_until] = time.monotonic() + UNTIL_WRITTEN
        if len(self._closed) > MOST:
            self._closed.popitem(last=False)


class PinRows:
    """Writes the pins of a batch; the first one of a phone stays."""

    def __init__(self, dialect: Dialect) -> None:
        self._pin = Bulk(PIN, dialect)

    def write(self, connection: Connection, batch: Sequence[Entry]) -> list[Entry]:
        """Return the fetches that were served to another network than the phone's."""
        pinning = {entry.phone_id: entry for entry in reversed(batch) if entry.pin}
        if not pinning:
            return []
        ids = sorted(phone_id for phone_id in pinning if phone_id is not None)
        self._pin.run(connection, [{"phone": i, "network": pinning[i].pin} for i in ids])
        query = select(Phone.id, Phone.pinned_network).where(Phone.id.in_(ids))
        pinned = {row[0]: row[1] for row in connection.execute(query)}
        return [entry for entry in batch if entry.pin and differs(entry, pinned)]


def close_windows(connection: Connection, batch: Sequence[Entry]) -> None:
    """End the windows of phones that came with their own key; one opened since then stays."""
    closing = {entry.phone_id: entry for entry in batch if entry.closes and entry.phone_id}
    if not closing:
        return
    held = select(Phone.id, Phone.label, Phone.mac, Phone.armed_until).where(Phone.id.in_(closing))
    found = connection.execute(held.order_by(Phone.id).with_for_update()).all()
    rows = []
    for number, label, mac, until in found:
        if until is not None and until.isoformat() == closing[number].closes:
            changes = {"armed_until": [until.isoformat(), None]}
            rows.append(row("disarm", "Phone", number, label or mac, changes, CLOSED_BY))
    if rows:
        ended = [entry["entity_id"] for entry in rows]
        connection.execute(update(Phone).where(Phone.id.in_(ended)).values(armed_until=None))
        connection.execute(insert(AuditEntry), rows)


def differs(entry: Entry, pinned: dict[int, str | None]) -> bool:
    return entry.phone_id in pinned and pinned[entry.phone_id] != entry.pin
