"""Programs: those that are installed, and those that may be opened; a word to who sits there."""

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from webapp import htmx
from webapp.access import needs
from webapp.control import allowed, lists, services
from webapp.control.blueprint import asked, bp, computer_or_404
from webapp.models import Computer

PROGRAM = ("name", "version", "publisher")


@bp.get("/<int:computer_id>/programs")
@needs("computers.control")
def programs(computer_id: int) -> ResponseReturnValue:
    computer = computer_or_404(computer_id)
    company = computer.site.company
    return htmx.render(
        "control/programs.html",
        "control/_programs.html",
        computer=computer,
        company=company,
        programs=allowed.programs(company),
        folders=allowed.folders(company),
        rows=installed(computer),
        here="control.programs",
    )


def installed(computer: Computer) -> list[lists.Row]:
    rows = lists.read((computer.facts or {}).get("programs"), PROGRAM)
    words = request.args.get("q", "").casefold().split()
    fitting = [row for row in rows if all(word in row["name"].casefold() for word in words)]
    return sorted(fitting, key=lambda row: row["name"].casefold())


@bp.post("/<int:computer_id>/open")
@needs("computers.control")
def open_(computer_id: int) -> ResponseReturnValue:
    computer = computer_or_404(computer_id)
    command = services.queue(computer, current_user, "open", request.form)
    return asked(url_for("control.command", computer_id=computer.id, command_id=command.id))


@bp.post("/<int:computer_id>/message")
@needs("computers.control")
def message(computer_id: int) -> ResponseReturnValue:
    computer = computer_or_404(computer_id)
    command = services.queue(computer, current_user, "message", request.form)
    return asked(url_for("control.command", computer_id=computer.id, command_id=command.id))
