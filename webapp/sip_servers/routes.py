"""SIP servers: where lines register."""

from flask import (
    Blueprint,
    Response,
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
from sqlalchemy import func, select, update

from webapp.access import needs
from webapp.extensions import db
from webapp.models import Line, SheetImport, SipServer
from webapp.sip_servers.forms import SipServerForm

bp = Blueprint("sip_servers", __name__, url_prefix="/sip-servers")


@bp.get("/")
@needs("settings.read")
def index() -> ResponseReturnValue:
    counts = select(Line.sip_server_id, func.count()).group_by(Line.sip_server_id)
    used = {row[0]: row[1] for row in db.session.execute(counts)}
    servers = db.session.scalars(SipServer.by_name()).all()
    return render_template("sip_servers/index.html", servers=servers, used=used)


@bp.route("/new", methods=["GET", "POST"])
@needs("settings.write")
def create() -> ResponseReturnValue:
    return written(SipServer(), SipServerForm())


@bp.route("/<int:server_id>/edit", methods=["GET", "POST"])
@needs("settings.write")
def edit(server_id: int) -> ResponseReturnValue:
    server = db.get_or_404(SipServer, server_id)
    return written(server, SipServerForm(server))


def written(server: SipServer, form: SipServerForm) -> ResponseReturnValue:
    if not form.validate_on_submit():
        return page(form, 422 if request.method == "POST" else 200)
    form.populate_obj(server)
    server.transport = server.transport or None
    server.proxy_host = server.proxy_host or None
    db.session.add(server)
    db.session.commit()
    flash(_("%(name)s is saved", name=server.name), "ok")
    return redirect(url_for("sip_servers.index"), 303)


def page(form: SipServerForm, status: int) -> Response:
    return make_response(render_template("sip_servers/form.html", form=form), status)


@bp.post("/<int:server_id>/delete")
@needs("settings.write")
def delete(server_id: int) -> ResponseReturnValue:
    server = db.get_or_404(SipServer, server_id)
    used = db.session.scalar(select(func.count()).where(Line.sip_server_id == server.id)) or 0
    if used:
        words = ngettext(
            "%(name)s stays: %(num)s line registers at it",
            "%(name)s stays: %(num)s lines register at it",
            used,
            name=server.name,
        )
        flash(words, "warn")
    else:
        imports = update(SheetImport).where(SheetImport.sip_server_id == server.id)
        db.session.execute(imports.values(sip_server_id=None))
        db.session.delete(server)
        db.session.commit()
        flash(_("%(name)s is deleted", name=server.name), "ok")
    return redirect(url_for("sip_servers.index"), 303)
