"""Processes: the list while it is looked at, and ending one."""

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from webapp import htmx
from webapp.access import confirmed, needs
from webapp.control import lists, services
from webapp.control.blueprint import asked, bp, computer_or_404, looked
from webapp.control.lists import PROCESS, Row
from webapp.control.params import is_protected
from webapp.csv_export import csv_response
from webapp.extensions import db
from webapp.models import Computer

VERB = "list_processes"
SHOWN = 1000


@bp.get("/<int:computer_id>/processes")
@needs("computers.control")
def processes(computer_id: int) -> ResponseReturnValue:
    return page(computer_or_404(computer_id))


@bp.post("/<int:computer_id>/processes")
@needs("computers.control")
def list_processes(computer_id: int) -> ResponseReturnValue:
    return looked(computer_or_404(computer_id), VERB, page)


def page(computer: Computer) -> Response:
    found = lists.live(computer, VERB, "processes", PROCESS)
    db.session.commit()
    rows = lists.shown(found.rows, computer, PROCESS)
    return htmx.render(
        "control/processes.html",
        "control/_processes.html",
        computer=computer,
        live=found,
        rows=rows[:SHOWN],
        total=len(rows),
        is_protected=is_protected,
        here="control.processes",
    )


@bp.get("/<int:computer_id>/processes.csv")
@needs("computers.control")
def processes_csv(computer_id: int) -> ResponseReturnValue:
    computer = computer_or_404(computer_id)
    found = lists.live(computer, VERB, "processes", PROCESS)
    rows = lists.shown(found.rows, computer, PROCESS)
    return csv_response("processes.csv", [COLUMNS, *map(cells, rows)])


COLUMNS = ("name", "status", "started", "pid", "account", "cpu", "memory", "command")


def cells(row: Row) -> list[object]:
    return [row[column] for column in COLUMNS]


@bp.post("/<int:computer_id>/terminate")
@needs("computers.control")
@confirmed
def terminate(computer_id: int) -> ResponseReturnValue:
    """By number, start and name: never another process that was given the number since."""
    computer = computer_or_404(computer_id)
    command = services.queue(computer, current_user, "terminate", request.form)
    return asked(url_for("control.command", computer_id=computer.id, command_id=command.id))
