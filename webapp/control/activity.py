"""What was asked of a computer: one command's page, and all of them."""

from collections.abc import Iterator

from flask import abort
from flask.typing import ResponseReturnValue

from webapp import htmx
from webapp.access import needs
from webapp.control import services
from webapp.control.blueprint import bp, computer_or_404
from webapp.control.outcomes import Outcome, outcome_of, seconds_of, stated, what_of
from webapp.control.windows import reopenable
from webapp.csv_export import csv_response
from webapp.extensions import db
from webapp.models import Command, Computer
from webapp.paging import Key, page_of

NEWEST = [Key(Command.id, "id", descending=True)]
COLUMNS = ("asked", "who", "verb", "what", "state", "ended", "seconds", "result")


@bp.get("/<int:computer_id>/commands/<int:command_id>")
@needs("computers.control")
def command(computer_id: int, command_id: int) -> ResponseReturnValue:
    """The fragment asks for itself until the command is over."""
    computer = computer_or_404(computer_id)
    services.expire(computer.id)
    db.session.commit()
    query = Command.of(computer.id).where(Command.id == command_id)
    found = db.session.scalar(query) or abort(404)
    return htmx.render(
        "control/command.html",
        "control/_command.html",
        computer=computer,
        command=found,
        outcome=outcome(found, computer),
        took=seconds_of(found),
        what=what_of(found),
        reopenable=reopenable(found, computer) if found.verb in ("close", "close_all") else [],
        here="control.activity",
    )


@bp.get("/<int:computer_id>/activity")
@needs("computers.control")
def activity(computer_id: int) -> ResponseReturnValue:
    computer = computer_or_404(computer_id)
    services.expire(computer.id)
    db.session.commit()
    found = page_of(Command.of(computer.id).order_by(None), NEWEST)
    return htmx.render(
        "control/activity.html",
        "control/_activity.html",
        computer=computer,
        found=found,
        what_of=what_of,
        outcomes={one.id: outcome(one, computer) for one in found.rows},
        here="control.activity",
    )


def outcome(command: Command, computer: Computer) -> Outcome:
    return outcome_of(command, computer.site.company.hide_titles)


@bp.get("/<int:computer_id>/activity.csv")
@needs("computers.control")
def activity_csv(computer_id: int) -> ResponseReturnValue:
    return csv_response("activity.csv", lines(computer_or_404(computer_id)))


def lines(computer: Computer) -> Iterator[list[object]]:
    yield list(COLUMNS)
    for one in db.session.scalars(Command.of(computer.id).execution_options(yield_per=500)):
        yield [
            one.created_at.isoformat(timespec="seconds"),
            one.user.name if one.user else "",
            one.verb,
            what_of(one),
            stated(one),
            one.ended_at.isoformat(timespec="seconds") if one.ended_at else "",
            seconds_of(one),
            outcome(one, computer).words,
        ]
