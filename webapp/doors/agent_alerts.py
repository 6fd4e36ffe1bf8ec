"""What of agents somebody should look at."""

from typing import Any

from sqlalchemy import Connection, update

from provisioning.errors import N_
from webapp.doors.door_alerts import Notice, write
from webapp.extensions import utcnow
from webapp.models import Agent

CLONE = N_(
    "Two machines speak as %(name)s (the last from %(address)s): a copied disk or image carries"
    " the agent's identity with it. Enrol one of them again with a code of its own."
)
CODE_TWICE = N_(
    "The enrolment code #%(number)s was used a second time, from %(address)s. It worked once, from"
    " %(first)s. If that was not you, revoke the agent that came in with it."
)
CODE_ELSEWHERE = N_(
    "The enrolment code #%(number)s was tried from %(address)s, which is not in %(network)s. It"
    " still works from there."
)


def clone(connection: Connection, heard: Any, computer: Any) -> None:
    now = utcnow()
    connection.execute(update(Agent).where(Agent.id == heard.agent_id).values(clone_at=now))
    params = {"name": computer.name, "address": heard.address[:45]}
    notice = Notice("clone", computer.name[:60], CLONE, params, computer.site_id, None)
    write(connection, notice, 1, now)


def code_twice(connection: Connection, code: Any, address: str) -> None:
    params = {"number": code.id, "address": address[:45], "first": code.used_from or "?"}
    notice = Notice("code_twice", f"#{code.id}", CODE_TWICE, params, code.site_id, None)
    write(connection, notice, 1, utcnow())


def code_elsewhere(connection: Connection, code: Any, address: str) -> None:
    params = {"number": code.id, "address": address[:45], "network": code.network}
    notice = Notice("code_elsewhere", f"#{code.id}", CODE_ELSEWHERE, params, code.site_id, None)
    write(connection, notice, 1, utcnow())
