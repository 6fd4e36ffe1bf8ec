"""What people decide about their own account."""

from flask import Blueprint, abort, flash, g, redirect, render_template, request, session
from flask import url_for as url
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp import access, htmx, tokens
from webapp.access import own_path, public, signed_in
from webapp.account.forms import PasswordForm, TimeZoneForm
from webapp.extensions import db, utcnow
from webapp.i18n import LANGUAGES
from webapp.models import UserSession
from webapp.passwords import SHORTEST, hash_password
from webapp.user_agent import browser_and_os

bp = Blueprint("account", __name__, url_prefix="/account")


@bp.get("")
@signed_in
def show() -> ResponseReturnValue:
    since = utcnow() - access.session_lifetime()
    sessions = db.session.scalars(UserSession.open_of(current_user, since)).all()
    return render_template(
        "account/show.html",
        sessions=[
            (one, " · ".join(filter(None, browser_and_os(one.user_agent)))) for one in sessions
        ],
        present=g.user_session,
        zones=TimeZoneForm(time_zone=current_user.time_zone or "UTC"),
    )


@bp.route("/password", methods=["GET", "POST"])
@signed_in
def password() -> ResponseReturnValue:
    form = PasswordForm()
    if not form.validate_on_submit():
        page = render_template("account/password.html", form=form, shortest=SHORTEST)
        return page, 200 if request.method == "GET" else 422
    current_user.password_hash = hash_password(form.new.data)
    current_user.must_change_password = False
    db.session.execute(UserSession.end_all(current_user, but=g.user_session.digest))
    tokens.revoke_all(current_user)
    db.session.commit()
    flash(_("Your password is changed. You were signed out everywhere else, and your tokens are "
            "revoked."), "ok")  # fmt: skip
    return redirect(url(".show"), 303)


@bp.post("/language")
@public
def language() -> ResponseReturnValue:
    """Open to all: the sign-in page is read before signing in."""
    chosen = request.form.get("language", "")
    if chosen not in LANGUAGES:
        abort(422)
    keep("language", chosen)
    return redirect(own_path(request.form.get("next", "").rstrip("?")), 303)


@bp.post("/theme")
@public
def theme() -> ResponseReturnValue:
    chosen = request.form.get("theme", "")
    if chosen not in ("light", "dark", "auto"):
        abort(422)
    keep("theme", chosen)
    if "next" not in request.form or htmx.is_fragment():
        return "", 204
    return redirect(own_path(request.form["next"].rstrip("?")), 303)


def keep(key: str, value: str) -> None:
    """With the account when somebody is signed in, with the browser always."""
    session[key] = value
    if current_user.is_authenticated:
        setattr(current_user, key, value)
        db.session.commit()


@bp.post("/time-zone")
@signed_in
def time_zone() -> ResponseReturnValue:
    form = TimeZoneForm()
    if not form.validate_on_submit():
        abort(422)
    current_user.time_zone = form.time_zone.data
    db.session.commit()
    flash(_("Times are now shown in the time zone %(zone)s.", zone=form.time_zone.data), "ok")
    return redirect(url(".show"), 303)


@bp.post("/sessions/<int:session_id>/end")
@signed_in
def end_session(session_id: int) -> ResponseReturnValue:
    found = db.session.get(UserSession, session_id)
    if found is None or found.user_id != current_user.id:
        abort(404)
    found.ended_at = found.ended_at or utcnow()
    db.session.commit()
    flash(_("That session is ended."), "ok")
    return redirect(url(".show"), 303)


# The pages of one's tokens hang on the same blueprint.
from webapp.account import tokens as own_tokens  # noqa: E402, F401
