"""The network of a phone's first good fetch: kept in memory at once, written with the log.

Two requests within the moment before it is written: in one process the second network is refused
from memory; two processes may both serve, and then whoever writes second finds another network and
says so.
"""

import time
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Dialect, bindparam, select, update

from provisioning.answer import Stored
from webapp.bulk import Bulk
from webapp.doors.entry import Entry
from webapp.models import Phone

UNTIL_WRITTEN = 60.0  # seconds; a log that is further behind has lost its database
MOST = 20_000

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
        self._pins: dict[tuple[int, datetime | None], tuple[str, float]] = {}

    def seen(self, stored: Stored) -> Stored:
        """Return the phone as it will be once the log is written."""
        found = self._pins.get((stored.phone_id, stored.armed_until))
        if found is None or found[1] < time.monotonic():
            return stored
        return stored._replace(pinned_network=found[0])

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


def differs(entry: Entry, pinned: dict[int, str | None]) -> bool:
    return entry.phone_id in pinned and pinned[entry.phone_id] != entry.pin
