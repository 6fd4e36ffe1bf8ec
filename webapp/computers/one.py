"""A computer's page, its session log, and its agent."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from flask import Response, abort, flash, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import to_utc
from flask_login import current_user
from sqlalchemy import Select
from sqlalchemy.orm import undefer

from webapp import htmx
from webapp.access import confirmed, needs
from webapp.computers import enrolling
from webapp.computers.meanings import MEANINGS
from webapp.computers.routes import bp
from webapp.computers.spans import spans
from webapp.computers.ways import file_name, ways_of
from webapp.csv_export import safe
from webapp.extensions import db
from webapp.models import AddressUse, Agent, Computer, ComputerUse, Connection, SessionEvent
from webapp.paging import Key, page_of
from webapp.selection import number

NEWEST = [Key(SessionEvent.at, "at", descending=True), Key(SessionEvent.id, "id", descending=True)]
SHOWN = 50
COLUMNS = ("TimeCreated", "Id", "LevelDisplayName", "Message", "MachineName")


def computer_or_404(computer_id: int) -> Computer:
    query = Computer.visible_to(current_user).where(Computer.id == computer_id)
    return db.session.scalar(query.options(undefer(Computer.facts))) or abort(404)


@bp.get("/<int:computer_id>")
@needs("computers.read")
def show(computer_id: int) -> ResponseReturnValue:
    computer = computer_or_404(computer_id)
    uses = db.session.scalars(ComputerUse.of_computer(computer.id).limit(SHOWN)).all()
    addresses = db.session.scalars(AddressUse.of_computer(computer.id).limit(20)).all()
    return htmx.render(
        "computers/show.html",
        "computers/_show.html",
        computer=computer,
        facts=computer.facts or {},
        ways=ways_of(computer),
        spans=spans(uses),
        addresses=addresses,
        agents=db.session.scalars(Agent.of(computer.id).limit(10)).all(),
        connections=db.session.scalars(Connection.of(computer.id).limit(10)).all(),
    )


@bp.get("/<int:computer_id>/log")
@needs("computers.read")
def session_log(computer_id: int) -> ResponseReturnValue:
    computer = computer_or_404(computer_id)
    return htmx.render(
        "computers/log.html",
        "computers/_log.html",
        computer=computer,
        found=page_of(events(computer), NEWEST),
        meanings=MEANINGS,
    )


def events(computer: Computer) -> Select[SessionEvent]:
    """Of this computer, that fit `event` (its number), `day` and `q` (account, message)."""
    query = SessionEvent.of(computer.id).order_by(None)
    if (event := number(request.args.get("event"))) is not None:
        query = query.where(SessionEvent.event_id == event)
    if day := day_of(request.args.get("day", "")):
        query = query.where(SessionEvent.at >= day, SessionEvent.at < day + timedelta(days=1))
    for word in request.args.get("q", "").split()[:5]:
        account = SessionEvent.account.icontains(word, autoescape=True)
        query = query.where(account | SessionEvent.message.icontains(word, autoescape=True))
    return query


def day_of(text: str) -> datetime | None:
    try:
        found: datetime = to_utc(datetime.strptime(text, "%Y-%m-%d"))
        return found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


@bp.get("/<int:computer_id>/log.csv")
@needs("computers.read")
def session_log_csv(computer_id: int) -> ResponseReturnValue:
    """The five columns that people's scripts know, oldest first, `;` between."""
    computer = computer_or_404(computer_id)
    query = SessionEvent.of(computer.id).order_by(None)
    oldest = query.order_by(SessionEvent.at, SessionEvent.id).execution_options(yield_per=1000)
    answer = Response(stream_with_context(lines(oldest, computer.name)))
    answer.headers["Content-Type"] = "text/csv; charset=utf-8"
    name = file_name(computer.serial or computer.name)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def lines(query: Select[SessionEvent], machine: str) -> Iterator[str]:
    yield "\ufeff" + ";".join(f'"{column}"' for column in COLUMNS) + "\r\n"
    for event in db.session.scalars(query):
        buffer = io.StringIO()
        writer = csv.writer(buffer, delimiter=";", quoting=csv.QUOTE_ALL)
        at = event.at.strftime("%d/%m/%Y %H:%M:%S")
        message = event.message or f"{event.account} {event.session} {event.address}".strip()
        writer.writerow([safe(v) for v in (at, event.event_id, "Information", message, machine)])
        yield buffer.getvalue()


@bp.post("/<int:computer_id>/revoke")
@needs("computers.write")
@confirmed
def revoke(computer_id: int) -> ResponseReturnValue:
    """Its agents are refused from now on; it comes in again with a new code."""
    computer = computer_or_404(computer_id)
    for agent in db.session.scalars(Agent.of(computer.id)):
        enrolling.revoke(agent)
    db.session.commit()
    flash(_("The agent of %(name)s is revoked", name=computer.name), "ok")
    return htmx.go(url_for("computers.show", computer_id=computer.id))


@bp.post("/<int:computer_id>/delete")
@needs("computers.write")
@confirmed
def delete(computer_id: int) -> ResponseReturnValue:
    computer = computer_or_404(computer_id)
    name = computer.name
    db.session.delete(computer)
    db.session.commit()
    flash(_("%(name)s is deleted, with its history", name=name), "ok")
    return htmx.go(url_for("computers.index"))
