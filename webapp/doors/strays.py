"""Phones that ask and that nobody has entered: the Adopt queue, one row each and capped."""

import hmac
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from provisioning.identify import models_of_file
from provisioning.networks import inside
from provisioning.registry import registry
from webapp.doors.entry import Entry, clean, clean_file
from webapp.models import Site, Stray

log = logging.getLogger("belldesk.phones")

AN_HOUR = 3600.0
PER_SITE = 500  # when full, new ones are turned away: what waits there is not pushed out by junk


@dataclass(frozen=True, slots=True)
class Known:
    id: int
    key_digest: str
    previous_digest: str | None
    previous_until: datetime | None
    networks: str
    pnp: bool


@dataclass(frozen=True, slots=True)
class Sites:
    """All sites as of now; there are few, and one read serves a whole batch."""

    known: tuple[Known, ...]
    now: datetime

    @classmethod
    def read(cls, engine: Engine) -> Self:
        query = select(
            *(Site.id, Site.key_digest, Site.previous_digest, Site.previous_until),
            *(Site.networks, Site.pnp),
        )
        with engine.connect() as connection:
            rows = connection.execute(query).all()
        return cls(tuple(Known(*row) for row in rows), datetime.now(UTC))

    def of(self, entry: Entry) -> int | None:
        """Return the site whose key was used, or whose network is the narrowest around TFTP's."""
        if entry.transport == "http":
            return next((site.id for site in self.known if self._opens(site, entry)), None)
        return self._around(entry.address)

    def _opens(self, site: Known, entry: Entry) -> bool:
        if hmac.compare_digest(site.key_digest, entry.key_digest):
            return True
        still = site.previous_until is not None and self.now < site.previous_until
        return still and site.previous_digest == entry.key_digest

    def around(self, address: str) -> tuple[Known, ...]:
        """The sites whose network is the narrowest around it: several may claim the same one."""
        found = [(inside(address, site.networks), site) for site in self.known]
        widths = [network.prefixlen for network, _ in found if network]
        narrowest = max(widths, default=0)
        return tuple(site for network, site in found if network and network.prefixlen == narrowest)

    def _around(self, address: str) -> int | None:
        """None also when several sites claim the same network: nobody knows which it is."""
        found = self.around(address)
        return found[0].id if len(found) == 1 else None

    def covers(self, entry: Entry) -> bool:
        if entry.transport == "http":
            return self.of(entry) is not None
        found = self.around(entry.address)
        return any(site.pnp for site in found) if entry.transport == "pnp" else bool(found)


def write(engine: Engine, entries: Sequence[Entry], sites: Sites) -> None:
    """Add to or refresh the queue; `entries` are of phones that are not in the database."""
    asking: dict[str, list[Entry]] = {}
    for entry in entries:
        if is_phone(entry) and sites.covers(entry):
            asking.setdefault(entry.clues.mac, []).append(entry)
    if not asking:
        return
    try:
        _write(engine, asking, sites)
    except IntegrityError:  # another process has met the same phone in this very moment
        _write(engine, asking, sites)


def is_phone(entry: Entry) -> bool:
    """A MAC of one device (the group bit is not set) and a maker we know, by it or User-Agent."""
    mac = entry.clues.mac
    if not mac or int(mac[1], 16) & 1 or mac == "0" * 12:
        return False
    return bool(registry().vendor_of(mac) or entry.clues.vendor)


def _write(engine: Engine, asking: dict[str, list[Entry]], sites: Sites) -> None:
    turned_away: Counter[int | None] = Counter()
    with engine.begin() as connection:
        for mac in sorted(asking):
            entries = asking[mac]
            site_id = sites.of(entries[-1])
            values = row(entries[-1], site_id)
            if refresh(connection, mac, values, len(entries)):
                continue
            if has_room(connection, site_id):
                first = {"times": len(entries), "first_seen": entries[0].at}
                connection.execute(insert(Stray), {"mac": mac} | values | first)
            else:
                turned_away[site_id] += 1
    for site_id, count in turned_away.items():
        FULL.tell(site_id, count)


class FullQueues:
    """Says once an hour and site that its queue is full, and how many that has cost."""

    def __init__(self) -> None:
        self._next: dict[int | None, float] = {}
        self._counts: Counter[int | None] = Counter()

    def tell(self, site_id: int | None, count: int) -> None:
        self._counts[site_id] += count
        now = time.monotonic()
        if now < self._next.get(site_id, 0.0):
            return
        self._next[site_id] = now + AN_HOUR
        where = f"of site {site_id}" if site_id else "of no site"
        lost = self._counts.pop(site_id)
        log.warning("the Adopt queue %s is full: %d times a phone was turned away", where, lost)


FULL = FullQueues()


def refresh(connection: Connection, mac: str, values: dict[str, Any], times: int) -> bool:
    known = {key: value for key, value in values.items() if value not in ("", None)}
    query = update(Stray).where(Stray.mac == mac).values(times=Stray.times + times, **known)
    return connection.execute(query).rowcount > 0


def has_room(connection: Connection, site_id: int | None) -> bool:
    query = (
        select(func.count()).select_from(Stray).where(Stray.site_id.is_not_distinct_from(site_id))
    )
    return (connection.scalar(query) or 0) < PER_SITE


def model_by_file(entry: Entry) -> str:
    found = models_of_file(entry.file, entry.clues.mac) if entry.transport != "pnp" else ()
    return found[0].key if len(found) == 1 else ""


def row(entry: Entry, site_id: int | None) -> dict[str, Any]:
    clues = entry.clues
    maker = registry().vendor_of(clues.mac)
    return {
        "site_id": site_id,
        "vendor": clues.vendor or (maker.key if maker else ""),
        "model": clean(clues.model or model_by_file(entry), 60),
        "firmware": clean(clues.firmware, 60),
        "user_agent": clean(entry.user_agent, 300),
        "file": clean_file(entry.file) if entry.transport != "pnp" else "",
        "clues": [[kind, clean(value, 120)] for kind, value in entry.evidence] or None,
        "address": clean(entry.address, 45),
        "transport": entry.transport,
        "last_seen": entry.at,
    }
