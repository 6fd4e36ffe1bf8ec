"""Ask something of a computer: a verb in the queue, once, for a short time."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, insert, null, select, update

from provisioning.errors import N_
from webapp.control.params import ControlError, params_for
from webapp.extensions import db, utcnow
from webapp.models import Agent, Command, Computer, User

LASTS = timedelta(seconds=60)
LASTS_LONGER = timedelta(minutes=5)
LONGER = ("message", "close_all")
MOST_OPEN = 20  # of a computer: as many as the door hands over at once
LATE = timedelta(seconds=60)  # an agent that took a command answers in this time
WATCHED = "watched"  # the reason of lists that an open page keeps fresh


def queue(computer: Computer, user: User, verb: str, given: Mapping[str, Any]) -> Command:
    """Let the computer's agent do it; the caller commits. The model writes the audit row."""
    params = params_for(verb, given, computer.site.company)
    refuse_what_cannot_be_heard(computer)
    command = Command(**values(computer, user, verb, params))
    db.session.add(command)
    db.session.flush()
    return command


def values(computer: Computer, user: User, verb: str, params: dict[str, Any]) -> dict[str, Any]:
    now = utcnow()
    return {
        "number": secrets.token_hex(16), "computer_id": computer.id, "user_id": user.id,
        "verb": verb, "params": params, "created_at": now, "state": "queued",
        "expires_at": now + (LASTS_LONGER if verb in LONGER else LASTS),
    }  # fmt: skip


def refuse_what_cannot_be_heard(computer: Computer) -> None:
    if not has_agent(computer.id):
        raise ControlError(
            N_("%(name)s has no active agent: enrol it with a new code."), name=computer.name
        )
    expire(computer.id)
    asked = db.session.scalar(select(func.count()).where(*open_ones(computer.id)))
    if asked and asked >= MOST_OPEN:
        raise ControlError(
            N_("%(most)s things are asked of %(name)s already. Wait until they are over."),
            most=MOST_OPEN, name=computer.name,
        )  # fmt: skip


def has_agent(computer_id: int) -> bool:
    query = Agent.of(computer_id).where(Agent.state == "active").limit(1)
    return db.session.scalar(query) is not None


def open_ones(computer_id: int) -> tuple[Any, ...]:
    return Command.computer_id == computer_id, Command.state.in_(("queued", "sent"))


def expire(computer_id: int) -> None:
    """End what was never fetched, and what was fetched and never answered; a late answer still
    counts. Nobody wrote anything here: the audit has the question."""
    now = utcnow()
    ends = ((("queued",), now), (("sent",), now - LATE))
    for states, moment in ends:
        over = (
            *(Command.computer_id == computer_id, Command.state.in_(states)),
            Command.expires_at <= moment,
        )
        db.session.execute(update(Command).where(*over).values(state="expired", ended_at=now))


def look(computer: Computer, user: User, verb: str, watching: bool = False) -> None:
    """Ask for a list, unless it is asked for already. What an open page asks for every few seconds
    leaves no row of the audit each time, and only its newest answer is kept."""
    expire(computer.id)
    same = *open_ones(computer.id), Command.verb == verb
    if db.session.scalar(select(Command.id).where(*same).limit(1)):
        return
    forget_watched(computer.id, verb)
    if not watching:
        queue(computer, user, verb, {})
        return
    params = params_for(verb, {}, computer.site.company)
    refuse_what_cannot_be_heard(computer)
    row = values(computer, user, verb, params) | {"reason": WATCHED}
    db.session.execute(insert(Command).values(row))


def forget_watched(computer_id: int, verb: str) -> None:
    """Of lists only the newest answer is kept; who asked for the others stays."""
    newest = newest_list(computer_id, verb)
    older = (
        *(Command.computer_id == computer_id, Command.verb == verb),
        Command.id != (newest.id if newest else 0),
    )
    db.session.execute(delete(Command).where(*older, Command.reason == WATCHED))
    db.session.execute(update(Command).where(*older).values(result=null()))


def newest_list(computer_id: int, verb: str) -> Command | None:
    query = Command.of(computer_id).where(Command.verb == verb, Command.state == "done")
    return db.session.scalar(query.limit(1))


def newest_try(computer_id: int, verb: str) -> Command | None:
    return db.session.scalar(Command.of(computer_id).where(Command.verb == verb).limit(1))
