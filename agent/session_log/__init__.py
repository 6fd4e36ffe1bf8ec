"""The computer's own log of who came and went, in the desk's words.

An event's `uid` is `<time>/<what tells it from others>`: it sorts by time, and a desk that holds
events up to some uid, or up to some time, says so with that text.

Windows' own numbers serve for all: 21 signed in, 23 signed out, 24 disconnected, 25 came back,
12 system started, 54 shutting down.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from agent import moments
from agent.session_log import journal, windows, wtmp

POLL_EACH = 300  # seconds

Event = dict[str, Any]


class SessionLog:
    """Reads again only when there may be something new; keeps nothing in memory."""

    def __init__(self) -> None:
        self.has_more = False
        self._nothing_at: tuple[str | None, object] | None = None
        self._told: set[str] = set()

    def after(self, since: str | None, most: int) -> list[Event]:
        """The oldest events that the desk does not hold yet."""
        since = time_of(since)
        here = since, stamp()
        if here == self._nothing_at:
            return []
        # A desk that says a time holds what was told of that time; else its last line came again
        # with each report.
        self._told = {uid for uid in self._told if since is None or uid >= since}
        known = {uid for uid in self._told if since and uid.startswith(f"{since}/")}
        found = [row for row in newer(read(since), since) if row["uid"] not in known]
        self.has_more = len(found) > most
        self._nothing_at = None if found else here
        return found[:most]

    def told(self, events: list[Event]) -> None:
        """The desk took these."""
        self._told |= {row["uid"] for row in events}


def stamp() -> object:
    """Changes when the log did; where that cannot be seen, every five minutes."""
    if sys.platform.startswith("linux") and (told := wtmp.stamp()):
        return told
    return int(time.monotonic() // POLL_EACH)


def read(since: str | None) -> list[Event]:
    if sys.platform == "win32":
        return windows.read(since)
    if sys.platform.startswith("linux"):
        return wtmp.read() if wtmp.stamp() else journal.read(since)
    return []


def newer(events: list[Event], since: str | None) -> list[Event]:
    found = [row for row in events if since is None or row["uid"] > since]
    return sorted(found, key=lambda row: row["uid"])


def time_of(since: str | None) -> str | None:
    """A mark that begins with a time; anything else is as good as none."""
    try:
        moments.seconds((since or "").partition("/")[0])
    except ValueError:
        return None
    return since
