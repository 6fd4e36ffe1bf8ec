"""Whom we take for a phone: the certificate or host key that it showed first."""

from provisioning.errors import N_
from provisioning.registry import Resync
from provisioning.transports.push import Pushed
from webapp.extensions import db, utcnow
from webapp.jobs.alerting import raise_alert
from webapp.models import Phone, PhonePin

CHANGED = {
    "ssh": N_(
        "%(phone)s at %(address)s shows another host key than before: nothing was sent to it."
        " Accept it on the phone's page if the phone was reset or replaced."
    ),
    "https": N_(
        "%(phone)s at %(address)s shows another certificate than before: nothing was sent to it."
        " Accept it on the phone's page if the phone was reset or replaced."
    ),
}


def kind_of(method: Resync) -> str:
    return "ssh" if method.method == "ssh" else "https"


def note(phone_id: int, method: Resync, pushed: Pushed) -> None:
    """Pin what was shown first; keep what differs for a person to look at. The caller commits."""
    kind, shown = kind_of(method), pushed.fingerprint
    phone = db.session.get(Phone, phone_id)
    if phone is None or not shown:
        return
    pin = db.session.scalar(PhonePin.of(phone_id).where(PhonePin.kind == kind))
    if pin is None:
        if not pushed.changed_identity:
            db.session.add(PhonePin(phone_id=phone_id, kind=kind, fingerprint=shown))
    elif pushed.changed_identity and shown != pin.fingerprint:
        pin.offered, pin.offered_at = shown, utcnow()
        address = phone.address or phone.fetched_address or ""
        raise_alert("identity", f"{phone.mac} {kind}", CHANGED[kind],
                    {"phone": str(phone), "address": address}, phone)  # fmt: skip
