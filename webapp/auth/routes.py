"""Signing in and out."""

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request
from flask import url_for as url
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp import access, device, names
from webapp.access import own_path, public, signed_in
from webapp.auth.forms import ConfirmForm, SignInForm
from webapp.extensions import db
from webapp.signing_in import Outcome, sign_in

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
    name = names.normal(form.name.data)
    outcome = sign_in(name, form.password.data, access.visitor(name))
    if outcome.user is None:
        return refuse(form, outcome)
    access.open_session(outcome.user)
    db.session.commit()
    return device.remember(redirect(wanted, 303), name)


def refuse(form: SignInForm, outcome: Outcome) -> Response:
    if outcome.reason == "throttled":
        answer = page(form, 429, outcome.words())
        answer.headers["Retry-After"] = str(outcome.wait)
        return answer
    return page(form, 422, outcome.words())


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


@bp.route("/confirm", methods=["GET", "POST"])
@signed_in
def confirm() -> ResponseReturnValue:
    """Ask the password again, then go on to the page that needs it."""
    form = ConfirmForm()
    form.next.data = own_path(request.values.get("next", ""))
    if request.method == "GET":
        return render_template("auth/confirm.html", form=form)
    if form.validate_on_submit():
        outcome = access.confirm(form.password.data)
        if outcome.user:
            return redirect(form.next.data, 303)
        form.password.errors = [outcome.words()]
    return render_template("auth/confirm.html", form=form), 422
