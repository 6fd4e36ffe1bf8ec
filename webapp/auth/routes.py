"""Signing in and out."""

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request
from flask import url_for as url
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from webapp import access
from webapp.access import own_path, public
from webapp.auth import device
from webapp.auth.forms import SignInForm
from webapp.auth.services import Outcome, Visitor, sign_in
from webapp.extensions import db

bp = Blueprint("auth", __name__)


@bp.route("/login", methods=["GET", "POST"])
@public
def login() -> ResponseReturnValue:
    form = SignInForm()
    wanted = own_path(request.values.get("next", ""))
    if request.method == "GET":
        if current_user.is_authenticated:
            return redirect(wanted)
        form.next.data = wanted
        return render_template("auth/login.html", form=form)
    if not form.validate_on_submit():
        return page(form, 422)
    name = form.name.data.strip()
    outcome = sign_in(name, form.password.data, visitor(name))
    if outcome.user is None:
        db.session.commit()
        return refuse(form, outcome)
    access.open_session(outcome.user)
    db.session.commit()
    return device.remember(redirect(wanted, 303), name)


def visitor(name: str) -> Visitor:
    agent = request.user_agent.string
    return Visitor(request.remote_addr or "", agent, device.is_known(request, name))


def refuse(form: SignInForm, outcome: Outcome) -> Response:
    """One sentence for every failure that could tell a stranger which names exist."""
    if outcome.reason == "throttled":
        answer = page(form, 429, too_many(outcome.wait))
        answer.headers["Retry-After"] = str(outcome.wait)
        return answer
    if outcome.reason == "disabled":
        return page(form, 422, _("This account is disabled. An administrator can enable it again."))
    return page(form, 422, _("Wrong user name or password."))


def too_many(seconds: int) -> str:
    if seconds < 90:
        wait = ngettext("%(num)s second", "%(num)s seconds", seconds)
    else:
        wait = ngettext("%(num)s minute", "%(num)s minutes", -(-seconds // 60))
    return str(_("Too many wrong passwords. Wait %(time)s, then try again.", time=wait))


def page(form: SignInForm, status: int, error: str = "") -> Response:
    return make_response(render_template("auth/login.html", form=form, error=error), status)


@bp.post("/logout")
@public
def logout() -> ResponseReturnValue:
    """Open to all: whose session has run out must not be asked to sign in to sign out."""
    access.close_session()
    db.session.commit()
    flash(_("You are signed out. See you soon."), "ok")
    return redirect(url("auth.login"), 303)
