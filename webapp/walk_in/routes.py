"""A label was scanned: open that phone's window and watch it arrive, without signing in."""

from flask import Blueprint, Response, current_app, flash, make_response, redirect, request, url_for
from flask import render_template as render
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp import access, audit, htmx, walk_in_codes
from webapp.access import public
from webapp.extensions import db
from webapp.models import User, WalkIn
from webapp.walk_in import services

bp = Blueprint("walk_in", __name__, url_prefix="/w")
COOKIE = "belldesk_walk_in"


@bp.get("/")
@public
def enter() -> ResponseReturnValue:
    """For who reads the letters of a label because no camera is at hand."""
    if code := request.args.get("code", "").strip():
        return redirect(url_for("walk_in.show", code=code), 303)
    return render("walk_in/enter.html")


@bp.get("/<code>")
@public
def show(code: str) -> ResponseReturnValue:
    """Changes nothing: messengers and scanners fetch addresses to show what is behind them."""
    found = services.look_up(code, request.remote_addr or "")
    if found is None:
        return not_valid()
    return render("walk_in/show.html", facts=services.facts_of(found.phone), open=full_page(found))


@bp.post("/<code>")
@public
def use(code: str) -> ResponseReturnValue:
    address = request.remote_addr or ""
    found = services.look_up(code, address)
    if found is None:
        return not_valid()
    maker = db.session.get(User, found.user_id) if found.user_id else None
    who = f"label of {maker.name}" if maker else "label"
    with audit.acting_as(who, maker.id if maker else None):
        used = walk_in_codes.use(found, address)
        db.session.commit()
    if not used:
        return not_valid()
    if page := full_page(found):
        flash(_("Its window is open. Start the phone now, and watch it here."), "ok")
        return redirect(page, 303)
    return followed(redirect(url_for("walk_in.arriving"), 303), found)


def full_page(found: WalkIn) -> str:
    """The phone's own page, for who is signed in and may see it."""
    return url_for("phones.show", phone_id=found.phone_id) if access.may("phones.read") else ""


def followed(response: ResponseReturnValue, found: WalkIn) -> Response:
    """Let this browser, and no one who finds the label, see how it goes on."""
    made = make_response(response)
    made.set_cookie(
        COOKIE,
        services.pass_for(found),
        max_age=services.FOLLOWED,
        path="/w",
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )
    return made


@bp.get("/arriving")
@public
def arriving() -> ResponseReturnValue:
    found = services.passed(request.cookies.get(COOKIE, ""))
    if found is None:
        return not_valid()
    facts, stage = services.facts_of(found.phone), services.stage_of(found)
    return htmx.render("walk_in/arriving.html", "walk_in/_arriving.html", facts=facts, stage=stage)


def not_valid() -> Response:
    """One answer for every code that opens nothing: nobody learns which there were."""
    signed_in = current_user.is_authenticated
    return make_response(render("walk_in/not_valid.html", signed_in=signed_in), 404)
