"""The keys that all phones of a profile get."""

from collections.abc import Sequence

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import func, select

from provisioning.errors import FunctionKeyError
from provisioning.model import Key
from provisioning.registry import registry
from webapp import function_keys
from webapp.access import needs
from webapp.extensions import db
from webapp.models import FunctionKey, Phone, Profile
from webapp.profiles.routes import bp


@bp.get("/<int:profile_id>/keys")
@needs("settings.read")
def keys(profile_id: int) -> ResponseReturnValue:
    profile = db.get_or_404(Profile, profile_id)
    stored = [function_keys.plain(row) for row in rows_of(profile)]
    return editor(profile, function_keys.rows_of(stored))


@bp.post("/<int:profile_id>/keys")
@needs("settings.write")
def save_keys(profile_id: int) -> ResponseReturnValue:
    profile = db.get_or_404(Profile, profile_id)
    typed = function_keys.typed(request.form)
    if "more" in request.form:
        return editor(profile, function_keys.add_blank(typed.rows, function_keys.BLANK))
    if not typed.good:
        return editor(profile, typed.rows, 422)
    changed = function_keys.save(rows_of(profile), typed.keys, profile_id=profile.id)
    db.session.commit()
    flash(_("Saved. Its phones get their new files by “Provision”.") if changed
          else _("Nothing was changed"), "ok" if changed else "info")  # fmt: skip
    return redirect(url_for("profiles.keys", profile_id=profile.id), 303)


def rows_of(profile: Profile) -> list[FunctionKey]:
    return list(db.session.scalars(FunctionKey.of_profile(profile.id)))


def left_out(
    profile: Profile, stored: Sequence[Key]
) -> list[tuple[str, int, list[FunctionKeyError]]]:
    """Models of its phones that cannot do some of the keys: name, how many phones, and why."""
    query = select(Phone.model, func.count()).where(Phone.profile_id == profile.id)
    found = []
    for key, count in db.session.execute(query.group_by(Phone.model).order_by(Phone.model)):
        model = registry().models.get(key)
        refused = [why for own in stored if (why := function_keys.refusal(own, model))]
        if refused:
            found.append((model.name if model else key, count, refused))
    return found


def editor(profile: Profile, rows: list[function_keys.Row], status: int = 200) -> Response:
    stored = [function_keys.plain(row) for row in rows_of(profile)]
    body = render_template(
        "profiles/keys.html",
        profile=profile,
        rows=rows,
        stored=stored,
        kinds=function_keys.kinds_for(None),
        left_out=left_out(profile, stored),
        editable=current_user.may("settings.write"),
    )
    return make_response(body, status)
