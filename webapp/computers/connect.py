"""Connect to a computer: each use says why and leaves a row."""

from flask import Response, abort, make_response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp import htmx
from webapp.access import needs
from webapp.audit import record
from webapp.computers.one import computer_or_404
from webapp.computers.routes import bp
from webapp.computers.ways import Way, file_name, rdp_file, ways_of
from webapp.extensions import db
from webapp.models import Computer, Connection

LONGEST_REASON = 300


@bp.get("/<int:computer_id>/connect/<tool>")
@needs("computers.read")
def connect(computer_id: int, tool: str) -> ResponseReturnValue:
    computer = computer_or_404(computer_id)
    return page(computer, way_or_404(computer, tool))


@bp.post("/<int:computer_id>/connect/<tool>")
@needs("computers.read")
def connect_now(computer_id: int, tool: str) -> ResponseReturnValue:
    computer = computer_or_404(computer_id)
    way = way_or_404(computer, tool)
    reason = request.form.get("reason", "").strip()[:LONGEST_REASON]
    if not reason:
        return page(computer, way, error=_("Say why: a ticket, a call"), status=422)
    db.session.add(
        Connection(
            computer_id=computer.id, user_id=current_user.id, user_name=current_user.name,
            way=way.tool, reason=reason,
        )
    )  # fmt: skip
    record("connect", "Computer", computer.id, computer.name, {"way": way.tool, "reason": reason})
    db.session.commit()
    return download(computer, way) if way.tool == "rdp" else page(computer, way, reason, True)


def way_or_404(computer: Computer, tool: str) -> Way:
    return next((way for way in ways_of(computer) if way.tool == tool), None) or abort(404)


def page(
    computer: Computer, way: Way, reason: str = "", opened: bool = False, error: str = "",
    status: int = 200,
) -> Response:  # fmt: skip
    return htmx.render(
        "computers/connect.html", "computers/_connect.html", status,
        computer=computer, way=way, reason=reason, opened=opened, error=error,
    )  # fmt: skip


def download(computer: Computer, way: Way) -> Response:
    answer = make_response(rdp_file(way))
    answer.headers["Content-Type"] = "application/x-rdp; charset=utf-8"
    name = file_name(computer.name)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.rdp"'
    return answer
