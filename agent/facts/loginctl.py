"""Sessions as systemd-logind tells them; its answers are in no language."""

from __future__ import annotations

from typing import Any

from agent import moments, outside

WANTED = "Id,Name,Timestamp,TimestampMonotonic,Remote,RemoteHost,Type,Class,State,LockedHint,TTY"

SAME = 5.0  # seconds; a clock that was set moves by more
MOST_KEPT = 500

Session = dict[str, str]

_began: dict[str, float] = {}


def read() -> list[Session]:
    ids = [
        words[0]
        for line in outside.output("loginctl", "list-sessions", "--no-legend").splitlines()
        if (words := line.split())
    ]
    if not ids:
        return []
    return parse(outside.output("loginctl", "show-session", f"--property={WANTED}", *ids[:200]))


def parse(text: str) -> list[Session]:
    """Blocks of key=value with an empty line between."""
    blocks = (block.splitlines() for block in text.split("\n\n"))
    found = [dict(line.partition("=")[::2] for line in block if "=" in line) for block in blocks]
    return [session for session in found if session.get("Name")]


def is_of_person(session: Session) -> bool:
    return session.get("Class", "user").startswith("user") and session.get("State") != "closing"


def accounts(sessions: list[Session], clock: tuple[float, float]) -> list[dict[str, Any]]:
    """`clock` is the time now and the monotonic time now: sessions tell when they began by the
    latter, since the former is written in the words of a place."""
    now, monotonic = clock
    found = []
    for session in filter(is_of_person, sessions):
        began = session.get("TimestampMonotonic", "")
        since = None
        if began.isdigit() and began != "0":
            since = steady(f"{session.get('Id')} {began}", now - monotonic + int(began) / 1e6)
        found.append(
            {
                "domain": "",
                "name": session["Name"],
                "kind": "remote" if session.get("Remote") == "yes" else "console",
                "since": None if since is None else moments.iso(round(since)),
                "session": session.get("Id", "")[:40],
            }
        )
    return found


def steady(session: str, at: float) -> float:
    """The same from beat to beat: clocks waver by a fraction of a second."""
    kept = _began.get(session, at)
    if len(_began) > MOST_KEPT:
        _began.clear()
    _began[session] = kept if abs(kept - at) < SAME else at
    return _began[session]


def locked(sessions: list[Session]) -> bool | None:
    """Of the graphical session before the screen; None without one."""
    for session in filter(is_of_person, sessions):
        graphical = session.get("Type") in ("x11", "wayland", "mir")
        if graphical and session.get("State") == "active" and session.get("Remote") != "yes":
            return session.get("LockedHint") == "yes"
    return None
