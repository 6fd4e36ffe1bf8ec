"""SIP PnP: a new phone asks its own link where its file is, and an armed one is told its address.

A packet proves nothing, so this gives away only what the site's key, which DHCP tells the whole
link, opens too: the address of an armed phone, to a site's own network. Where the link itself says
which MAC an address has, a packet that claims another one is met with silence.
"""

import logging
import threading
import time
from collections import OrderedDict
from datetime import UTC, datetime
from typing import NamedTuple

from flask import Flask
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from provisioning.answer import Request, Verdict
from provisioning.identify import Clues, usable
from provisioning.mac import format_mac
from provisioning.networks import is_at
from provisioning.registry import registry
from provisioning.transports.neighbours import Neighbour, Neighbours
from provisioning.transports.sip_fields import SipError
from provisioning.transports.sip_pnp import GRANDSTREAM_PORT, PORT, PnpRequest, Responder
from webapp.config import Config
from webapp.door_keys import door_address
from webapp.doors import phones_door
from webapp.doors.entry import Entry
from webapp.doors.fetch_log import FetchLog
from webapp.doors.pnp_alerts import NOBODY, Alerts, Ids
from webapp.doors.pnp_clues import clues_of, known_maker, words_of
from webapp.doors.strays import Known, Sites
from webapp.extensions import db
from webapp.models import Phone
from webapp.secretbox import SecretBoxError

log = logging.getLogger("belldesk.phones")

QUIET = 600.0  # seconds in which the same phone with the same outcome is one row of the log
AN_HOUR = 3600.0
MOST = 4096  # phones that are remembered for that
SITES_KEPT = 5.0  # seconds; changing a site may take so long to be heeded
RETRY = 60.0  # seconds between two tries to open the port

OK, SILENT = 200, 404
COLUMNS = (
    *(Phone.id, Phone.site_id, Phone.label, Phone.model, Phone.key),
    *(Phone.armed_until, Phone.pinned_network, Phone.fetched_at),
)


class Record(NamedTuple):
    """What is stored of a phone, as COLUMNS reads it."""

    id: int
    site_id: int
    label: str
    model: str
    key: str | None
    armed_until: datetime | None
    pinned_network: str | None
    fetched_at: datetime | None


class Asked(NamedTuple):
    """A request with what else is known of it. `mac` is "" when nothing told it."""

    request: PnpRequest
    neighbour: Neighbour
    mac: str
    clues: Clues
    sites: frozenset[int]  # that answer to PnP and whose network is the narrowest around it
    phone: Record | None

    @property
    def label(self) -> str:
        return (self.phone.label if self.phone else "") or format_mac(self.mac)

    @property
    def ids(self) -> Ids:
        return (self.phone.site_id, self.phone.id) if self.phone else NOBODY


class PnpDoor:
    """What provisioning.transports.sip_pnp.Responder asks, in its loop."""

    def __init__(
        self, engine: Engine, door: str, fetch_log: FetchLog, neighbours: Neighbours | None = None
    ) -> None:
        self._engine, self._door, self._fetch_log = engine, door, fetch_log
        self._neighbours = neighbours or Neighbours()
        self._alerts = Alerts(fetch_log.watch)
        self._noted: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._told: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._sites: tuple[Sites, float] | None = None

    def answer(self, request: PnpRequest) -> str | None:
        try:
            asked = self._look_up(request)
        except (SQLAlchemyError, SecretBoxError) as error:
            log.error("a phone that asks by SIP PnP cannot be answered: %s", error)
            return None
        reason = refusal(asked, datetime.now(UTC))
        self._note(asked, reason)
        self._warn(asked, reason)
        return None if reason else self._url(asked)

    def _look_up(self, request: PnpRequest) -> Asked:
        neighbour = self._neighbours.of(request.address)
        mac = usable(request.mac) if request.mac else known_maker(neighbour.mac)
        sites = frozenset(site.id for site in self._around(request.address) if site.pnp)
        phone = self._phone(mac) if mac else None
        return Asked(request, neighbour, mac, clues_of(request, mac), sites, phone)

    def _phone(self, mac: str) -> Record | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(*COLUMNS).where(Phone.mac == mac)).first()
        return Record(*row) if row else None

    def _around(self, address: str) -> tuple[Known, ...]:
        now = time.monotonic()
        if self._sites is None or now >= self._sites[1]:
            self._sites = Sites.read(self._engine), now + SITES_KEPT
        return self._sites[0].around(address)

    def _url(self, asked: Asked) -> str:
        """In the form that the vendor's phones want it, with the key of this phone alone."""
        own = f"{self._door}{asked.phone.key}/" if asked.phone else ""
        model = registry().models.get(asked.phone.model) if asked.phone else None
        dhcp = model.vendor.dhcp if model else None
        return dhcp.typed.replace("{url}", own) if dhcp else own

    def _note(self, asked: Asked, reason: str) -> None:
        """One row for what a phone repeats; an unknown one keeps its place in Adopt fresh."""
        again = self._is_repeated((asked.mac, asked.request.address, reason))
        if again and reason != "unknown_phone":
            return
        request = Request(words_of(asked.request), asked.request.address, asked.request.user_agent)
        status = SILENT if reason else OK
        entry = Entry.of(
            request, asked.clues, Verdict(""), method="SUB", status=status, sent=0
        )._replace(transport="pnp", reason=reason, row=not again, evidence=evidence(asked))
        if asked.phone:
            entry = entry._replace(phone_id=asked.phone.id, site_id=asked.phone.site_id)
        self._fetch_log.add(entry)

    def _is_repeated(self, key: tuple[str, str, str]) -> bool:
        now = time.monotonic()
        again = now < self._noted.get(key, 0.0)
        if not again:
            self._noted[key] = now + QUIET
            self._noted.move_to_end(key)
        if len(self._noted) > MOST:
            self._noted.popitem(last=False)
        return again

    def _warn(self, asked: Asked, reason: str) -> None:
        if reason == "other_mac":
            self._alerts.other_mac(asked.label, asked.request, asked.neighbour.mac, asked.ids)
        elif reason == "no_mac":
            self._alerts.no_mac(asked.request, words_of(asked.request))
        elif reason == "closed_window" and asked.phone and asked.phone.fetched_at is None:
            self._alerts.closed_window(asked.label, asked.mac, asked.ids)
        elif not reason:
            self._remember_told(asked)

    def _remember_told(self, asked: Asked) -> None:
        now, here = time.monotonic(), asked.request.address
        before, until = self._told.pop(asked.mac, (here, 0.0))
        if before != here and now < until:
            self._alerts.two_addresses(asked.label, asked.mac, before, here, asked.ids)
        self._told[asked.mac] = here, now + AN_HOUR
        if len(self._told) > MOST:
            self._told.popitem(last=False)


def refusal(asked: Asked, now: datetime) -> str:
    """Say why this request is met with silence, "" if it is answered."""
    if not asked.sites:
        return "not_allowed"
    if not asked.mac:
        return "no_mac"
    if asked.neighbour.near and asked.neighbour.mac != asked.mac:
        return "other_mac" if asked.neighbour.mac else "unreachable"
    if asked.phone is None:
        return "unknown_phone"
    if asked.phone.site_id not in asked.sites:
        return "not_allowed"
    if asked.phone.armed_until is None or now >= asked.phone.armed_until:
        return "closed_window"
    if asked.phone.pinned_network and not is_at(asked.request.address, asked.phone.pinned_network):
        return "other_network"
    return "" if asked.phone.key else "no_key"


def evidence(asked: Asked) -> tuple[tuple[str, str], ...]:
    said = ("pnp", words_of(asked.request))
    return (said,) if asked.request.mac else (said, ("arp", asked.request.address))


def run_pnp(app: Flask, stop: threading.Event) -> None:
    """Answer phones until `stop` is set. A port that is taken is said once and tried again."""
    config: Config = app.extensions["belldesk"]
    fetch_log = phones_door(app).fetch_log
    door = PnpDoor(db.engine, door_address(), fetch_log)
    said = ""
    try:
        while not stop.is_set():
            try:
                responder = open_group(config, door)
            except (SipError, OSError) as error:
                if said != str(error):
                    said = str(error)
                    log.warning("SIP PnP does not work here, all else does: %s", said)
                stop.wait(RETRY)
                continue
            log.info(
                "SIP PnP for phones on %s", ", ".join(responder.interfaces) or config.pnp_group
            )
            responder.serve(stop)
    finally:
        phones_door(app).close()


def open_group(config: Config, door: PnpDoor) -> Responder:
    ports = (PORT, GRANDSTREAM_PORT) if config.pnp_port == PORT else (config.pnp_port,)
    return Responder(door.answer, host=config.pnp_group, ports=ports)
