"""Phones: list, look at one, write one, delete one."""

from flask import Response, jsonify, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.exc import IntegrityError

from provisioning.errors import MacError, ProvisioningError
from provisioning.mac import normalise_mac
from webapp import provision
from webapp.access import needs
from webapp.api import filters, listing, phone_ways, reading, shapes
from webapp.api.bearer import fresh
from webapp.api.blueprint import bp
from webapp.api.errors import ApiError
from webapp.api.phone_body import FIELDS, form_of, refusal
from webapp.extensions import db
from webapp.i18n import said
from webapp.models import Phone
from webapp.paging import Key
from webapp.phones import services
from webapp.selection import filtered

BY_MAC = (Key(Phone.mac, "mac"),)


@bp.get("/phones")
@needs("phones.read")
def phones() -> ResponseReturnValue:
    query = filtered(current_user, filters.checked(listing.filters()))
    return listing.listed("phones", query.options(*Phone.for_list()), BY_MAC, shapes.phone)


@bp.get("/phones/<mac>")
@needs("phones.read")
def phone(mac: str) -> ResponseReturnValue:
    return shown(normalised(mac))


@bp.post("/phones")
@needs("phones.write")
def write_phone() -> ResponseReturnValue:
    """Make a phone, or change what the body says of the one that has this address."""
    sent = reading.body((*FIELDS, *phone_ways.FIELDS))
    try:
        mac = normalise_mac(reading.text(sent, "mac"))
    except MacError as error:
        raise ApiError(422, said(error), field="mac") from error
    known = db.session.scalar(Phone.visible_to(current_user).where(Phone.mac == mac))
    form = form_of(known, sent)
    if not form.validate():
        raise refusal(form)
    try:
        written = known or Phone(**provision.new_secrets())
        services.write(written, form)
        phone_ways.write(written, sent)
        db.session.commit()
    except ProvisioningError as error:
        raise ApiError(422, said(error)) from error
    except IntegrityError as error:
        words = _("Somebody entered this phone a moment ago")
        raise ApiError(409, words, code="conflict", field="mac") from error
    answer = shown(mac)
    answer.status_code = 200 if known else 201
    answer.location = url_for("api.phone", mac=mac)
    return answer


@bp.delete("/phones/<mac>")
@needs("phones.write")
@fresh
def delete_phone(mac: str) -> ResponseReturnValue:
    if not services.remove(Phone.visible_to(current_user).where(Phone.mac == normalised(mac))):
        raise ApiError(404)
    db.session.commit()
    return "", 204


def normalised(mac: str) -> str:
    """What is no address is the address of no phone."""
    try:
        return normalise_mac(mac)
    except MacError as error:
        raise ApiError(404, said(error)) from error


def shown(mac: str) -> Response:
    query = Phone.visible_to(current_user).where(Phone.mac == mac).options(*Phone.for_list())
    found = db.session.scalar(query)
    if found is None:
        raise ApiError(404)
    return jsonify(shapes.phone(found))
