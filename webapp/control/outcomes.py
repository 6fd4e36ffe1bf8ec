"""What came of a command, in words."""

from collections.abc import Callable
from typing import Any, NamedTuple

from flask_babel import gettext as _
from flask_babel import ngettext

from webapp.control.lists import WINDOW, Row, read
from webapp.models import Command
from webapp.titles import without_titles

LONGEST = 300
TEXTS = ("program", "folder", "title", "name", "text")


class Outcome(NamedTuple):
    """`words` say it in a line; the lists are of windows."""

    words: str
    closed: list[Row] = []
    stayed: list[Row] = []
    excluded: list[Row] = []


def seconds_of(command: Command) -> float | None:
    if command.ended_at is None or command.state == "expired":
        return None
    return round((command.ended_at - command.created_at).total_seconds(), 1)


def what_of(command: Command) -> str:
    """What the verb was told, on one line."""
    params = command.params
    if command.verb == "close" and "window" in params:
        return f"#{params['window']}"
    pid = f" ({params['pid']})" if command.verb == "terminate" else ""
    found = next((str(params[name]) for name in reversed(TEXTS) if params.get(name)), "")
    return " ".join(found.split())[:120] + pid


def stated(command: Command) -> str:
    words = {
        "queued": _("waiting for its agent"),
        "sent": _("its agent is at it"),
        "done": _("done"),
        "failed": _("failed"),
        "refused": _("refused by its agent"),
        "expired": _("over: its agent did not answer in time"),
    }
    return str(words.get(command.state, command.state))


def outcome_of(command: Command, hides_titles: bool) -> Outcome:
    result = command.result or {}
    if hides_titles:
        result = without_titles(result)
    if command.state in ("failed", "refused"):
        return Outcome(text(result.get("error")))
    if command.state != "done":
        return Outcome("")
    if command.verb == "close_all":
        return all_closed(result)
    return Outcome(words_of(command.verb, result))


def all_closed(result: dict[str, Any]) -> Outcome:
    closed, stayed, excluded = (
        read(result.get(k), WINDOW) for k in ("closed", "stayed", "excluded")
    )
    words = (
        ngettext("%(num)s window closed", "%(num)s windows closed", len(closed)),
        ngettext("%(num)s stayed open", "%(num)s stayed open", len(stayed)),
        ngettext("%(num)s excluded", "%(num)s excluded", len(excluded)),
    )
    return Outcome(", ".join(words), closed, stayed, excluded)


def words_of(verb: str, result: dict[str, Any]) -> str:
    say = WORDS.get(verb)
    return str(say(result)) if say else ""


def close_words(result: dict[str, Any]) -> str:
    name = text(result.get("title")) or text(result.get("program"))
    if result.get("closed") is True:
        return str(_("“%(name)s” closed", name=name))
    return str(_("“%(name)s” stayed open: %(why)s", name=name, why=text(result.get("why"))))


WORDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "list_processes": lambda result: ngettext(
        "%(num)s process", "%(num)s processes", count(result, "processes")
    ),
    "list_windows": lambda result: ngettext(
        "%(num)s window", "%(num)s windows", count(result, "windows")
    ),
    "list_programs": lambda result: ngettext(
        "%(num)s program", "%(num)s programs", count(result, "programs")
    ),
    "close": close_words,
    "open": lambda result: _("opened: %(path)s", path=text(path_of(result))),
    "terminate": lambda result: text(result.get("how")),
    "message": lambda result: _("shown by %(program)s", program=text(result.get("shown_by"))),
}


def path_of(result: dict[str, Any]) -> Any:
    return result.get("path") or result.get("folder")


def count(result: dict[str, Any], name: str) -> int:
    found = result.get(name)
    return len(found) if isinstance(found, list) else 0


def text(value: Any) -> str:
    return value[:LONGEST] if isinstance(value, str) else ""
