"""The one read of a message at the agents' door."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import LargeBinary, func, literal_column, select, type_coerce

from webapp.doors.questions import Question
from webapp.doors.reader import Reader
from webapp.models import Agent, Command, Computer, EnrolCode, SessionEvent


class KnownAgent(NamedTuple):
    id: int
    state: str
    secret: bytes  # sealed
    computer_id: int
    boot: str
    seq: int
    facts_sha256: str
    events_until: datetime | None
    commands: int  # that wait


class KnownCode(NamedTuple):
    id: int
    code: bytes  # sealed
    site_id: int
    network: str
    expires_at: datetime
    used_at: datetime | None
    used_from: str


def agent_statement(key: object) -> Any:
    newest = select(func.max(SessionEvent.at)).where(SessionEvent.computer_id == Agent.computer_id)
    waiting = select(func.count()).where(
        Command.computer_id == Agent.computer_id, Command.state == literal_column("'queued'")
    )
    return (
        select(
            *(Agent.id, Agent.state, type_coerce(Agent.secret, LargeBinary), Agent.computer_id),
            *(Agent.boot, Agent.seq, Computer.facts_sha256),
            *(newest.scalar_subquery(), waiting.scalar_subquery()),
        )
        .join_from(Agent, Computer, Computer.id == Agent.computer_id)
        .where(Agent.key == key)
    )


def code_statement(lookup: object) -> Any:
    return select(
        *(EnrolCode.id, type_coerce(EnrolCode.code, LargeBinary), EnrolCode.site_id),
        *(EnrolCode.network, EnrolCode.expires_at, EnrolCode.used_at, EnrolCode.used_from),
    ).where(EnrolCode.lookup == lookup)


def fresh_statement(after: int) -> Any:
    """Computers for which a command was queued lately; a hundred numbers back, since the order of
    numbers is not that in which transactions end."""
    queued = Command.state == literal_column("'queued'")
    return select(Command.id, Command.computer_id).where(Command.id > after, queued)


class StoredAgents(Reader):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        dialect = self._engine.dialect
        self._agent = Question(agent_statement(""), dialect)
        self._code = Question(code_statement(""), dialect)
        self._fresh = Question(fresh_statement(0), dialect)

    def agent(self, key: str) -> KnownAgent | None:
        row = self._ask(self._agent, key)
        if row is None:
            return None
        known = KnownAgent(*row)
        until = known.events_until
        return known._replace(
            secret=bytes(known.secret), events_until=None if until is None else self._time(until)
        )

    def code(self, lookup: str) -> KnownCode | None:
        row = self._ask(self._code, lookup)
        if row is None:
            return None
        known = KnownCode(*row)
        used = known.used_at
        return known._replace(
            code=bytes(known.code),
            expires_at=self._time(known.expires_at),
            used_at=None if used is None else self._time(used),
        )

    def fresh(self, after: int) -> list[tuple[int, int]]:
        """Number and computer of the commands that are queued since."""
        return [(row[0], row[1]) for row in self._ask(self._fresh, after, all_rows=True)]
