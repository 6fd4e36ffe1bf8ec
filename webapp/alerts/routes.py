"""Alerts: what happens again is counted while one is open; bans: each can be lifted."""

from flask import Blueprint, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from sqlalchemy import select

from webapp import htmx
from webapp.access import needs
from webapp.alerts import services
from webapp.extensions import db
from webapp.models import Alert, Ban
from webapp.paging import Key, page_of
from webapp.selection import number

bp = Blueprint("alerts", __name__, url_prefix="/alerts")
NEWEST = [Key(Alert.id, "id", descending=True)]


@bp.get("/")
@needs("logs.read")
def index() -> ResponseReturnValue:
    found = page_of(services.found(request.args), NEWEST)
    return htmx.render(
        "alerts/index.html",
        "alerts/_rows.html",
        found=found,
        phones=services.phones_of(found.rows),
        kinds=services.KINDS,
        choices=[(kind, words) for kind, (words, _how) in services.KINDS.items()],
        bans=services.running(),
    )


@bp.post("/close")
@needs("phones.write")
def close() -> ResponseReturnValue:
    ids = [one for text in request.form.getlist("id") if (one := number(text)) is not None]
    closed = services.close(select(Alert).where(Alert.id.in_(ids)), current_user.name)
    db.session.commit()
    words = ngettext("%(num)s alert is closed", "%(num)s alerts are closed", closed)
    flash(words if closed else _("No open alert was chosen"), "ok" if closed else "info")
    return htmx.go(url_for("alerts.index"))


@bp.post("/bans/<int:ban_id>/lift")
@needs("phones.write")
def lift(ban_id: int) -> ResponseReturnValue:
    ban = db.session.get(Ban, ban_id) or abort(404)
    db.session.delete(ban)
    db.session.commit()
    flash(_("%(source)s is not banned any more; within seconds", source=ban.source), "ok")
    return htmx.go(url_for("alerts.index"))
