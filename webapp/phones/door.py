"""Who gets a phone's file: its window, the network it is pinned to, its own key."""

from typing import Any

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext
from flask_login import current_user
from sqlalchemy import Select, func

from provisioning.registry import registry
from webapp import audit, htmx
from webapp.access import TYPED, confirmed, needs
from webapp.door_keys import door_address, own_url
from webapp.extensions import db
from webapp.models import Phone
from webapp.phones import door_services as services
from webapp.phones.forms import ArmForm, NewKeyForm
from webapp.phones.routes import bp
from webapp.selection import chosen, number

ASKED = ("hours", "days", "again")  # what the forms here add to the choice of phones


@bp.post("/arm")
@needs("phones.write")
def arm() -> ResponseReturnValue:
    """First ask for how long, then open the windows."""
    phones, count = meant()
    form = ArmForm()
    if "hours" not in request.form:
        return asked("arm", form, count, 200)
    if not form.validate_on_submit():
        return asked("arm", form, count, 422)
    armed, _until = services.arm(phones, form.hours.data)
    db.session.commit()
    words = ngettext(
        "%(num)s phone is open for the key of its site for %(hours)s hours",
        "%(num)s phones are open for the key of their site for %(hours)s hours",
        armed,
        hours=form.hours.data,
    )
    return done(words)


@bp.post("/close")
@needs("phones.write")
def close() -> ResponseReturnValue:
    count = services.close(meant()[0])
    db.session.commit()
    return done(ngettext("%(num)s window is closed", "%(num)s windows are closed", count))


@bp.post("/forget-network")
@needs("phones.write")
def forget_network() -> ResponseReturnValue:
    count = services.forget_network(meant()[0])
    db.session.commit()
    words = ngettext(
        "The network of %(num)s phone is forgotten",
        "The networks of %(num)s phones are forgotten",
        count,
    )
    return done(words)


@bp.post("/rotate-key")
@needs("phones.write")
@confirmed
def rotate_key() -> ResponseReturnValue:
    """First ask for how long the old key works, then rotate and provision the same phones."""
    phones, count = meant()
    form = NewKeyForm()
    if "days" not in request.form:
        return asked("new_key", form, count, 200)
    if not form.validate_on_submit():
        return asked("new_key", form, count, 422)
    rotated = services.rotate_keys(phones, form.days.data, form.again.data)
    db.session.commit()
    flash_rotated(rotated)
    if rotated.done and current_user.may("phones.provision"):
        return redirect(url_for("runs.create"), 307)  # the same phones, by the same form
    return htmx.go(back())


def flash_rotated(rotated: services.Rotated) -> None:
    if rotated.done:
        words = ngettext(
            "%(num)s phone has a new key. It learns it with its next file.",
            "%(num)s phones have new keys. They learn them with their next files.",
            rotated.done,
        )
        flash(words, "ok")
    if rotated.left:
        words = ngettext(
            "%(num)s phone keeps its key: the old one still works, it may not know this one yet",
            "%(num)s phones keep their keys: the old ones still work, they may not know these yet",
            rotated.left,
        )
        flash(words, "warn")


@bp.post("/<int:phone_id>/address")
@needs("phones.reveal")
@confirmed
def address(phone_id: int) -> ResponseReturnValue:
    """The address that opens this phone's file and no other, as it is typed on such a phone."""
    query = Phone.visible_to(current_user).where(Phone.id == phone_id)
    phone: Phone = db.session.scalar(query) or abort(404)
    audit.record("reveal", "Phone", phone.id, str(phone), {"secret": "address"})
    db.session.commit()
    url = own_url(phone, door_address())
    model = registry().models.get(phone.model)
    typed = model.vendor.dhcp.typed.replace("{url}", url) if model and model.vendor.dhcp else url
    return htmx.render("phones/secret.html", "phones/_secret.html", phone=phone, value=typed)


def meant() -> tuple[Select[Any], int]:
    """The phones that the form means and how many they are; none is not found."""
    phones = chosen(current_user, request.form)
    count = db.session.scalar(phones.with_only_columns(func.count(Phone.id))) or 0
    return (phones, count) if count else abort(404)


def asked(name: str, form: Any, count: int, status: int) -> Response:
    form_only = ("csrf_token", TYPED, *ASKED)
    kept = [pair for pair in request.form.items(multi=True) if pair[0] not in form_only]
    names = f"phones/{name}.html", f"phones/_{name}.html"
    return htmx.render(*names, status, form=form, count=count, kept=kept, back=back())


def done(words: str) -> Response:
    flash(words, "ok")
    return htmx.go(back())


def back() -> str:
    """To the phone, if it was done on its page; else to the list."""
    ids = request.form.getlist("id")
    if len(ids) == 1 and "all" not in request.form:
        return url_for("phones.show", phone_id=number(ids[0]) or 0)
    return url_for("phones.index")
