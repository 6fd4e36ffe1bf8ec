"""Windows: the list while it is looked at; closing one, all but exclusions, and opening again."""

from flask import Response, abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from provisioning.errors import N_
from webapp import htmx
from webapp.access import needs
from webapp.control import allowed, lists, services
from webapp.control.blueprint import asked, bp, computer_or_404, looked
from webapp.control.lists import WINDOW
from webapp.control.params import ControlError
from webapp.extensions import db
from webapp.models import Command, Computer

VERB = "list_windows"


@bp.get("/<int:computer_id>/windows")
@needs("computers.control")
def windows(computer_id: int) -> ResponseReturnValue:
    return page(computer_or_404(computer_id))


@bp.post("/<int:computer_id>/windows")
@needs("computers.control")
def list_windows(computer_id: int) -> ResponseReturnValue:
    return looked(computer_or_404(computer_id), VERB, page)


def page(computer: Computer) -> Response:
    found = lists.live(computer, VERB, "windows", WINDOW)
    db.session.commit()
    rows = {row["id"]: row for row in found.rows}  # none twice
    return htmx.render(
        "control/windows.html",
        "control/_windows.html",
        computer=computer,
        live=found,
        rows=lists.shown(rows.values(), computer, WINDOW),
        company=computer.site.company,
        here="control.windows",
    )


@bp.post("/<int:computer_id>/close")
@needs("computers.control")
def close(computer_id: int) -> ResponseReturnValue:
    """Politely: a program with unsaved work asks its user and stays."""
    return queued(computer_id, "close")


@bp.post("/<int:computer_id>/close-all")
@needs("computers.control")
def close_all(computer_id: int) -> ResponseReturnValue:
    return queued(computer_id, "close_all")


def queued(computer_id: int, verb: str) -> Response:
    computer = computer_or_404(computer_id)
    command = services.queue(computer, current_user, verb, request.form)
    return asked(url_for("control.command", computer_id=computer.id, command_id=command.id))


@bp.post("/<int:computer_id>/commands/<int:command_id>/reopen")
@needs("computers.control")
def reopen(computer_id: int, command_id: int) -> ResponseReturnValue:
    """Start again what a command closed, as far as the company's list has it."""
    computer = computer_or_404(computer_id)
    query = Command.of(computer.id).where(Command.id == command_id, Command.state == "done")
    entries = reopenable(db.session.scalar(query) or abort(404), computer)
    if not entries:
        raise ControlError(N_("None of the closed programs is among those that may be opened."))
    for entry in entries:
        services.queue(computer, current_user, "open", {"program": entry})
    return asked(url_for("control.activity", computer_id=computer.id))


def reopenable(command: Command, computer: Computer) -> list[str]:
    """The list's entries for what it closed, each once."""
    result = command.result or {}
    if command.verb == "close":
        closed = lists.read([result] if result.get("closed") is True else [], WINDOW)
    else:
        closed = lists.read(result.get("closed"), WINDOW)
    company = computer.site.company
    found = (allowed.entry_for(row["program"], company) for row in closed)
    return [entry for entry in dict.fromkeys(found) if entry]
