"""What an agent listed: read with care, filtered, and said how old it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import request

from webapp.control import services
from webapp.models import Command, Computer
from webapp.titles import without_titles

Row = dict[str, Any]
PROCESS = ("name", "status", "started", "account", "command")
WINDOW = ("title", "program", "path", "account", "why")


@dataclass(frozen=True, slots=True)
class Live:
    """The last list that is known, its moment, and what became of the newest question."""

    rows: list[Row]
    at: datetime | None
    last: Command | None
    cut: bool = False

    @property
    def is_asking(self) -> bool:
        return bool(self.last and not self.last.is_over)

    @property
    def is_answering(self) -> bool:
        """An open page goes on asking as long as it gets answers."""
        return bool(self.last and self.last.state == "done")


def live(computer: Computer, verb: str, name: str, texts: tuple[str, ...]) -> Live:
    services.expire(computer.id)
    newest = services.newest_list(computer.id, verb)
    result = (newest.result if newest else None) or {}
    if computer.site.company.hide_titles:
        result = without_titles(result)
    return Live(
        rows=read(result.get(name), texts),
        at=newest.ended_at if newest else None,
        last=services.newest_try(computer.id, verb),
        cut=bool(result.get("cut")),
    )


def read(found: Any, texts: tuple[str, ...]) -> list[Row]:
    """Rows in which every text is one: agents are programs on other people's computers."""
    rows = found if isinstance(found, list) else []
    return [clean(row, texts) for row in rows if isinstance(row, dict)]


def clean(row: Row, texts: tuple[str, ...]) -> Row:
    told = {name: row[name] if isinstance(row.get(name), str) else "" for name in texts}
    numbers = {name: whole(row.get(name)) for name in ("pid", "id", "memory")}
    cpu = row.get("cpu")
    is_number = isinstance(cpu, int | float) and not isinstance(cpu, bool)
    return {**told, **numbers, "cpu": cpu if is_number else None, "began": moment(row)}


def moment(row: Row) -> datetime | None:
    try:
        return datetime.fromisoformat(str(row.get("started"))).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def shown(rows: Iterable[Row], computer: Computer, texts: tuple[str, ...]) -> list[Row]:
    """Those that ?q= and ?mine= leave."""
    words = request.args.get("q", "").casefold().split()
    mine = person(computer.account_name) if "mine" in request.args else ""
    return [
        row
        for row in rows
        if all(word in " ".join(row[name] for name in texts).casefold() for word in words)
        and (not mine or person(row["account"]) == mine)
    ]


def person(account: str) -> str:
    """Without the domain, which systems write in several ways."""
    return account.rpartition("\\")[2].partition("@")[0].casefold()
