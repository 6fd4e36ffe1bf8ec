"""Profiles: named sets of settings. Their values are edited on the Settings page."""

from flask import (
    Blueprint,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import func, select

from webapp import setting_values
from webapp.access import needs
from webapp.extensions import db
from webapp.models import FunctionKey, Phone, Profile, SettingValue
from webapp.profiles.forms import ProfileForm

bp = Blueprint("profiles", __name__, url_prefix="/profiles")


@bp.get("/")
@needs("settings.read")
def index() -> ResponseReturnValue:
    phones = select(Phone.profile_id, func.count()).group_by(Phone.profile_id)
    keys = select(FunctionKey.profile_id, func.count()).group_by(FunctionKey.profile_id)
    values = (
        select(SettingValue.target, func.count())
        .where(SettingValue.scope == "profile")
        .group_by(SettingValue.target)
    )
    return render_template(
        "profiles/index.html",
        profiles=db.session.scalars(Profile.by_name()).all(),
        phones={row[0]: row[1] for row in db.session.execute(phones)},
        values={row[0]: row[1] for row in db.session.execute(values)},
        keys={row[0]: row[1] for row in db.session.execute(keys)},
    )


@bp.route("/new", methods=["GET", "POST"])
@needs("settings.write")
def create() -> ResponseReturnValue:
    return written(Profile(), ProfileForm())


@bp.route("/<int:profile_id>/edit", methods=["GET", "POST"])
@needs("settings.write")
def edit(profile_id: int) -> ResponseReturnValue:
    profile = db.get_or_404(Profile, profile_id)
    return written(profile, ProfileForm(profile))


def written(profile: Profile, form: ProfileForm) -> ResponseReturnValue:
    if not form.validate_on_submit():
        status = 422 if request.method == "POST" else 200
        return make_response(render_template("profiles/form.html", form=form), status)
    form.populate_obj(profile)
    db.session.add(profile)
    db.session.commit()
    flash(_("%(name)s is saved", name=profile.name), "ok")
    return redirect(url_for("settings.index", scope="profile", target=profile.id), 303)


@bp.post("/<int:profile_id>/delete")
@needs("settings.write")
def delete(profile_id: int) -> ResponseReturnValue:
    profile = db.get_or_404(Profile, profile_id)
    used = db.session.scalar(select(func.count()).where(Phone.profile_id == profile.id)) or 0
    if used:
        words = ngettext(
            "%(name)s stays: %(num)s phone has it",
            "%(name)s stays: %(num)s phones have it",
            used,
            name=profile.name,
        )
        flash(words, "warn")
    else:
        setting_values.forget("profile", [str(profile.id)])
        db.session.delete(profile)
        db.session.commit()
        flash(_("%(name)s is deleted", name=profile.name), "ok")
    return redirect(url_for("profiles.index"), 303)


# Another page of a profile, on the same blueprint.
from webapp.profiles import keys as keys_of_one  # noqa: E402, F401
