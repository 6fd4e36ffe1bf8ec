"""One step's way through the channels, and what a push needs of its phone."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from provisioning.errors import N_
from provisioning.registry import Resync, registry
from provisioning.transports.push import Peer
from provisioning.transports.sip_notify import Credentials, Target
from webapp import door_keys
from webapp.extensions import db
from webapp.jobs import pins
from webapp.jobs.crew import Told, Try
from webapp.jobs.records import deadline, row
from webapp.models import Delivery, Phone, PhonePin, Revision

BEGUN = {
    "notify": N_("NOTIFY is sent to %(address)s"),
    "http": N_("Going to the web page of %(address)s"),
    "ssh": N_("Going to the shell of %(address)s"),
}
ADMIN = "admin"  # as the templates and the factories of these vendors call who may do all


@dataclass(slots=True)
class Errand:
    """One step's way through the channels."""

    step_id: int
    run_id: int
    phone_id: int
    token: str
    address: str
    left: deque[Resync]
    options: dict[str, Any]
    staged: bool = False
    method: Resync | None = None


def read(phone_ids: Iterable[int | None]) -> dict[int, Phone]:
    wanted = [number for number in phone_ids if number is not None]
    query = select(Phone).where(Phone.id.in_(wanted)).options(selectinload(Phone.lines))
    return {phone.id: phone for phone in db.session.scalars(query)}


def begun(errand: Errand) -> Delivery:
    errand.method = errand.left[0]
    channel = channel_of(errand.method)
    return Delivery(
        run_id=errand.run_id,
        phone_id=errand.phone_id,
        channel=channel,
        address=errand.address,
        success=None,
        message=BEGUN[channel],
        params={"address": errand.address},
    )


def channel_of(method: Resync) -> str:
    return {"sip-notify": "notify", "ssh": "ssh"}.get(method.method, "http")


def attempt(number: int, errand: Errand, phone: Phone) -> Try:
    """What the push needs of the phone; it is in memory until it has ended, and nowhere else."""
    method = errand.method
    assert method is not None  # noqa: S101 - for the type checker
    if method.method == "sip-notify":
        return Try(number, method, target=target(number, errand.address, method, phone))
    kind = pins.kind_of(method)
    pin = db.session.scalar(PhonePin.of(phone.id).where(PhonePin.kind == kind))
    peer = Peer(
        address=errand.address,
        mac=phone.mac,
        model=phone.model,
        user=ADMIN,
        password=phone.admin_password,
        fingerprint=pin.fingerprint if pin else None,
    )
    revision = db.session.get(Revision, phone.revision_id) if method.uploads else None
    url = door_keys.own_url(phone, door_keys.door_address())
    return Try(number, method, peer=peer, body=revision.body if revision else b"", url=url)


def target(number: int, address: str, method: Resync, phone: Phone) -> Target:
    line = phone.lines[0] if phone.lines else None
    credentials = Credentials(line.auth_user or line.user, line.password) if line else None
    return Target(
        address=address,
        event=method.event,
        port=registry().model(phone.model).vendor.ports.get("sip", 5060),
        user=line.user if line else "",
        credentials=credentials,
        key=number,
    )


def drop_notifies(errand: Errand) -> None:
    errand.left = deque(way for way in errand.left if way.method != "sip-notify")


def delivered(errand: Errand, told: Told) -> dict[str, Any]:
    if not errand.staged:
        return row(errand.step_id, errand.token, "done", "delivered", told.message, told.params)
    until = deadline(errand.options)
    return row(
        errand.step_id, errand.token, "waiting", "delivered", told.message, told.params, until
    )
