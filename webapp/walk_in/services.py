"""Which code is taken from whom, and how far its phone has come."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from flask import current_app
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import exists, select

from provisioning.registry import registry
from webapp import walk_in_codes
from webapp.doors.flood import source
from webapp.extensions import db
from webapp.models import Fetch, Phone, WalkIn

FOLLOWED = 60 * 60  # seconds in which the browser that used a code sees the phone arrive
WRONG, WINDOW = 20, 600.0  # wrong codes of an address in so many seconds; then none is looked at
MOST = 10_000


class Misses:
    """Counts wrong codes by address, in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def too_many(self, address: str) -> bool:
        count, until = self._seen.get(address, (0, 0.0))
        return count >= WRONG and time.monotonic() < until

    def note(self, address: str) -> None:
        now = time.monotonic()
        with self._lock:
            count, until = self._seen.pop(address, (0, 0.0))
            fresh = now >= until
            self._seen[address] = (1 if fresh else count + 1, now + WINDOW if fresh else until)
            if len(self._seen) > MOST:
                self._seen.popitem(last=False)


def misses() -> Misses:
    found: Misses = current_app.extensions.setdefault("walk_in_misses", Misses())
    return found


def look_up(code: str, address: str) -> WalkIn | None:
    """The code's row, if it can be used and this address has not guessed too often."""
    counted, address = misses(), source(address)
    if counted.too_many(address):
        return None
    found = walk_in_codes.find(code)
    if found is None:
        counted.note(address)
    return found


@dataclass(frozen=True, slots=True)
class Facts:
    """What a stranger may read on a label's page: nothing that opens anything."""

    label: str
    extensions: tuple[str, ...]
    model: str
    mac_end: str


def facts_of(phone: Phone) -> Facts:
    model = registry().models.get(phone.model)
    users = tuple(line.user for line in phone.lines)
    return Facts(phone.label, users, model.name if model else phone.model, phone.mac[-4:])


def stage_of(found: WalkIn) -> str:
    """unmade (there is no file for it yet), waiting, asking or current, since the code was used."""
    phone = found.phone
    if phone.revision_id is None:
        return "unmade"
    since = found.used_at
    if since and phone.fetched_at and phone.fetched_at >= since and phone.state == "current":
        return "current"
    newest = Fetch.of_phone(phone.id).with_only_columns(Fetch.id).order_by(None)
    asked = db.session.scalar(select(exists(newest.where(Fetch.at >= since).subquery().select())))
    return "asking" if asked else "waiting"


def pass_for(found: WalkIn) -> str:
    return str(signer().dumps(found.id))


def passed(text: str) -> WalkIn | None:
    try:
        number = signer().loads(text, max_age=FOLLOWED)
    except BadSignature:
        return None
    return db.session.get(WalkIn, number)


def signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="belldesk walk-in")
