"""Lines of computers' own session logs: each once, however often it is sent."""

from typing import Any

from sqlalchemy import Connection, insert, select

from webapp.chunks import chunks
from webapp.models import SessionEvent


def write(connection: Connection, heard: dict[int, list[Any]]) -> None:
    """The computers' rows are locked: nobody else adds a line of theirs meanwhile."""
    for computer_id, reports in heard.items():
        lines = {(e.source, e.uid): e for one in reports for e in one.report.events}
        for part in chunks(list(lines)):
            add(connection, computer_id, [lines[key] for key in part])


def add(connection: Connection, computer_id: int, lines: list[Any]) -> None:
    uids = [line.uid for line in lines]
    query = select(SessionEvent.source, SessionEvent.uid).where(
        SessionEvent.computer_id == computer_id, SessionEvent.uid.in_(uids)
    )
    there = {tuple(row) for row in connection.execute(query)}
    new = [line for line in lines if (line.source, line.uid) not in there]
    if new:
        rows = [{**line._asdict(), "computer_id": computer_id} for line in new]
        connection.execute(insert(SessionEvent), rows)
