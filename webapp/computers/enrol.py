"""Let computers in: make codes, show them once, decide about those that came back."""

from flask import (
    Response,
    abort,
    current_app,
    flash,
    make_response,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from webapp import htmx
from webapp.access import needs
from webapp.computers import enrolling
from webapp.computers.routes import bp
from webapp.config import Config
from webapp.extensions import db
from webapp.forms import site_choices
from webapp.i18n import said
from webapp.models import Agent, EnrolCode, Site
from webapp.selection import number


@bp.get("/add")
@needs("computers.write")
def add() -> ResponseReturnValue:
    return page()


@bp.post("/add")
@needs("computers.write")
def make_codes() -> ResponseReturnValue:
    site = db.session.get(Site, number(request.form.get("site")) or 0)
    if site is None:
        return page(error=_("Choose a site"), status=422)
    count = number(request.form.get("count", "1")) or 0
    try:
        made = enrolling.make_codes(site, count, request.form.get("network", ""), current_user.id)
    except enrolling.EnrolError as error:
        return page(error=said(error), status=422)
    db.session.commit()
    answer = page(made=made)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def page(made: list[str] | None = None, error: str = "", status: int = 200) -> Response:
    config: Config = current_app.extensions["belldesk"]
    text = render_template(
        "computers/add.html",
        sites=site_choices(),
        made=[(code, enrolling.install_lines(code, config.base_url)) for code in made or ()],
        error=error,
        form=request.form,
        codes=db.session.scalars(EnrolCode.open().limit(200)).all(),
        waiting=db.session.scalars(Agent.in_review().limit(200)).all(),
        most=enrolling.MOST,
        is_open="agents" in config.doors,
    )
    return make_response(text, status)


@bp.post("/codes/revoke")
@needs("computers.write")
def revoke_codes() -> ResponseReturnValue:
    """Those with id=…; a code that was used stays, as a part of the history."""
    ids = {number(text) for text in request.form.getlist("id")}
    gone = 0
    for code in db.session.scalars(EnrolCode.open()):
        if code.id in ids:
            db.session.delete(code)
            gone += 1
    db.session.commit()
    flash(ngettext("%(num)s code is revoked", "%(num)s codes are revoked", gone), "ok")
    return htmx.go(url_for("computers.add"))


@bp.post("/review/<int:agent_id>")
@needs("computers.write")
def review(agent_id: int) -> ResponseReturnValue:
    """`decision`: accept or refuse."""
    agent = db.session.get(Agent, agent_id)
    if agent is None or agent.state != "review":
        abort(404)
    if request.form.get("decision") == "accept":
        enrolling.accept(agent)
        words = _("%(name)s is accepted; its old agent is revoked", name=agent.computer.name)
    else:
        enrolling.revoke(agent)
        words = _("The new agent of %(name)s is refused", name=agent.computer.name)
    db.session.commit()
    flash(words, "ok")
    return htmx.go(url_for("computers.add"))
