"""The keys of one phone: what holds, and its own to edit."""

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from provisioning.registry import registry
from webapp import function_keys
from webapp.access import needs
from webapp.extensions import db
from webapp.function_keys import Row
from webapp.models import FunctionKey, Phone
from webapp.phones.keys_shown import shown, voicemail
from webapp.phones.one import found, page
from webapp.phones.routes import bp


@bp.get("/<int:phone_id>/keys")
@needs("phones.read")
def keys(phone_id: int) -> ResponseReturnValue:
    phone = found(phone_id)
    own = [one.key for one in shown(phone) if one.origin == "phone"]
    return editor(phone, function_keys.rows_of(own))


@bp.post("/<int:phone_id>/keys")
@needs("phones.write")
def save_keys(phone_id: int) -> ResponseReturnValue:
    phone = found(phone_id)
    typed = function_keys.typed(request.form)
    if "more" in request.form:
        return editor(phone, function_keys.add_blank(typed.rows, function_keys.BLANK))
    refuse_what_it_cannot(phone, typed)
    if not typed.good:
        return editor(phone, typed.rows, 422)
    rows = list(db.session.scalars(FunctionKey.of_phone(phone.id)))
    changed = function_keys.save(rows, typed.keys, phone_id=phone.id)
    db.session.commit()
    flash(_("Saved. The phone gets its new file by “Provision”.") if changed
          else _("Nothing was changed"), "ok" if changed else "info")  # fmt: skip
    return redirect(url_for("phones.keys", phone_id=phone.id), 303)


def refuse_what_it_cannot(phone: Phone, typed: function_keys.Typed) -> None:
    """Hold each key against the phone's model, its accounts and its number of the voice mail."""
    model = registry().model(phone.model)
    accounts = [line.number for line in phone.lines]
    number = voicemail(phone)
    for row, key in typed.pairs:
        row.error = row.error or function_keys.refusal(key, model, accounts, number)


def editor(phone: Phone, rows: list[Row], status: int = 200) -> Response:
    model = registry().models.get(phone.model) or abort(404)
    return page(
        "keys",
        phone,
        status,
        shown=shown(phone),
        rows=rows,
        kinds=function_keys.kinds_for(model),
        editable=current_user.may("phones.write"),
    )
