"""The one-time page that makes the first administrator."""

from flask import Blueprint, abort, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp import access
from webapp.access import public
from webapp.audit import acting_as
from webapp.extensions import db
from webapp.passwords import SHORTEST
from webapp.setup.forms import FirstForm
from webapp.setup.services import claim, create_administrator, is_open
from webapp.signing_in import sign_in

bp = Blueprint("setup", __name__)


@bp.route("/setup/<token>", methods=["GET", "POST"])
@public
def first(token: str) -> ResponseReturnValue:
    if not is_open(token):
        abort(404)
    form = FirstForm()
    if not form.validate_on_submit():
        page = render_template("setup/first.html", form=form, shortest=SHORTEST)
        return page, 200 if request.method == "GET" else 422
    if not claim():
        abort(404)
    with acting_as("setup"):
        user = create_administrator(form.name.data, form.password.data)
        db.session.commit()
    sign_in(user.name, form.password.data, access.visitor(user.name))  # the log's first row
    access.open_session(user)
    db.session.commit()
    flash(_("Welcome, %(name)s. Belldesk is yours now.", name=user.name), "ok")
    return redirect("/", 303)
