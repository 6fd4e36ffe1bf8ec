"""What of SIP PnP somebody should look at. Written by a thread: a phone never waits for it."""

import logging
import queue
import threading
import time
from collections import OrderedDict
from typing import Any, NamedTuple

from sqlalchemy import Engine, insert, update
from sqlalchemy.exc import SQLAlchemyError

from provisioning.errors import N_
from provisioning.mac import format_mac
from provisioning.transports.sip_pnp import PnpRequest
from webapp.doors.entry import clean
from webapp.extensions import utcnow
from webapp.models import Alert

log = logging.getLogger("belldesk.phones")

QUIET = 600.0  # seconds in which the same alert is not written again
AN_HOUR = 60  # alerts at most in one: whoever invents addresses must not fill the list
MOST = 1024
CLOSING = 5.0

OTHER_MAC = N_(
    "%(address)s asked by SIP PnP as %(phone)s, but it is %(mac)s: a repeater that changes"
    " addresses, or somebody who wants this phone's file. It got no answer."
)
NO_MAC = N_(
    "A phone at %(address)s (%(words)s) asks by SIP PnP without saying its MAC address, and it is"
    " not on a link of this desk. Point it here by DHCP."
)
CLOSED_WINDOW = N_(
    "%(phone)s asks by SIP PnP where its file is and never got one, but its window is closed."
    " Arm it, then start it again."
)
TWO_ADDRESSES = N_(
    "%(first)s and %(second)s asked by SIP PnP as %(phone)s within an hour, and both were told its"
    " address. If only one of them is the phone, give it a new key."
)


class Row(NamedTuple):
    kind: str
    source: str
    message: str
    params: dict[str, str]
    site_id: int | None
    phone_id: int | None


class Alerts:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._rows: queue.Queue[Row | None] = queue.Queue(maxsize=100)
        self._said: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._left, self._hour_ends = AN_HOUR, 0.0
        self._thread: threading.Thread | None = None

    def other_mac(self, label: str, request: PnpRequest, mac: str, phone: Any) -> None:
        params = {"address": request.address, "phone": label, "mac": format_mac(mac)}
        self._add("pnp_other_mac", request.address, OTHER_MAC, params, phone)

    def no_mac(self, request: PnpRequest, words: str) -> None:
        params = {"address": request.address, "words": clean(words, 100)}
        self._add("pnp_no_mac", request.address, NO_MAC, params, None)

    def closed_window(self, label: str, mac: str, phone: Any) -> None:
        self._add("pnp_closed", mac, CLOSED_WINDOW, {"phone": label}, phone)

    def two_addresses(self, label: str, mac: str, first: str, second: str, phone: Any) -> None:
        params = {"first": first, "second": second, "phone": label}
        self._add("pnp_two_addresses", mac, TWO_ADDRESSES, params, phone)

    def _add(
        self, kind: str, source: str, message: str, params: dict[str, str], phone: Any
    ) -> None:
        if not self._lets_in((kind, source)):
            return
        ids = (phone.site_id, phone.id) if phone else (None, None)
        try:
            self._rows.put_nowait(Row(kind, source, message, params, *ids))
        except queue.Full:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="pnp-alerts", daemon=True)
            self._thread.start()

    def _lets_in(self, key: tuple[str, str]) -> bool:
        now = time.monotonic()
        if now >= self._hour_ends:
            self._left, self._hour_ends = AN_HOUR, now + 3600
        if now < self._said.get(key, 0.0) or not self._left:
            return False
        self._said[key] = now + QUIET
        self._said.move_to_end(key)
        if len(self._said) > MOST:
            self._said.popitem(last=False)
        self._left -= 1
        return True

    def _work(self) -> None:
        while (row := self._rows.get()) is not None:
            try:
                write(self._engine, row)
            except SQLAlchemyError as error:
                log.warning("an alert is not stored (%s): %s", row.message % row.params, error)

    def close(self) -> None:
        """Write what is queued, if the database takes it within some seconds."""
        if self._thread:
            self._rows.put(None)
            self._thread.join(CLOSING)
            self._thread = None


def write(engine: Engine, row: Row) -> None:
    """Count one more where the same alert is open, else open it."""
    now = utcnow()
    with engine.begin() as connection:
        same = update(Alert).where(
            Alert.kind == row.kind, Alert.source == row.source, Alert.closed_at.is_(None)
        )
        more = {"times": Alert.times + 1, "last_at": now, "params": row.params}
        if connection.execute(same.values(**more)).rowcount == 0:
            connection.execute(insert(Alert), row._asdict() | {"first_at": now, "last_at": now})
