"""How one phone is told to take its file: where it is, by what, and whom we take for it."""

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import update

from webapp import audit
from webapp.access import confirmed, needs
from webapp.extensions import db, utcnow
from webapp.i18n import said
from webapp.jobs import targets
from webapp.jobs.rows import changed
from webapp.models import Alert, Delivery, Phone, PhonePin
from webapp.phones.one import found, page
from webapp.phones.routes import bp

LAST_TRIES = 20


@bp.get("/<int:phone_id>/delivery")
@needs("phones.read")
def delivery(phone_id: int) -> ResponseReturnValue:
    return shown(found(phone_id))


def shown(phone: Phone, status: int = 200, typed: str | None = None, error: str = "") -> Response:
    return page(
        "delivery",
        phone,
        status,
        way=targets.ways([phone])[phone.id],
        methods=targets.methods_of(phone),
        typed=phone.address or "" if typed is None else typed,
        error=error,
        pins=db.session.scalars(PhonePin.of(phone.id)).all(),
        tries=db.session.scalars(Delivery.of_phone(phone.id).limit(LAST_TRIES)).all(),
    )


@bp.post("/<int:phone_id>/delivery/address")
@needs("phones.reveal")
@confirmed
def delivery_address(phone_id: int) -> ResponseReturnValue:
    """Say where the phone is, or nothing: it is then where it was seen. Asks for the password,
    and for the right to see the phone's: whoever is at that address is shown it."""
    phone = found(phone_id)
    typed = request.form.get("address", "").strip()
    try:
        phone.address = targets.free_address(phone, typed) if typed else None
    except targets.AddressError as error:
        return shown(phone, 422, typed, said(error))
    db.session.commit()
    flash(_("Saved. It is used at the next delivery."), "ok")
    return back(phone)


@bp.post("/<int:phone_id>/delivery/pins/<int:pin_id>/accept")
@needs("phones.write")
@confirmed
def delivery_accept(phone_id: int, pin_id: int) -> ResponseReturnValue:
    phone, pin = pinned(phone_id, pin_id)
    if pin.offered:
        pin.fingerprint, pin.pinned_at = pin.offered, utcnow()
        answer(phone, pin)
        flash(_("Accepted. From now on the phone is known by it."), "ok")
    return back(phone)


@bp.post("/<int:phone_id>/delivery/pins/<int:pin_id>/refuse")
@needs("phones.write")
@confirmed
def delivery_refuse(phone_id: int, pin_id: int) -> ResponseReturnValue:
    phone, pin = pinned(phone_id, pin_id)
    if pin.offered:
        answer(phone, pin)
        flash(_("Refused. What shows it gets nothing, as before."), "ok")
    return back(phone)


def pinned(phone_id: int, pin_id: int) -> tuple[Phone, PhonePin]:
    phone = found(phone_id)
    query = PhonePin.of(phone.id).where(PhonePin.id == pin_id)
    return phone, db.session.scalar(query) or abort(404)


def answer(phone: Phone, pin: PhonePin) -> None:
    """A person has looked: the offer is over, and so is its alert."""
    pin.offered = pin.offered_at = None
    closed = update(Alert).where(
        Alert.kind == "identity",
        Alert.source == f"{phone.mac} {pin.kind}",
        Alert.closed_at.is_(None),
    )
    changed(closed.values(closed_at=utcnow(), closed_by=audit.actor().name))
    db.session.commit()


def back(phone: Phone) -> ResponseReturnValue:
    return redirect(url_for("phones.delivery", phone_id=phone.id), 303)
