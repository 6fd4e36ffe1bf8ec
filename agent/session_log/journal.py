"""Where there is no wtmp any more (Debian 13, openSUSE), logind's own entries in the journal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from agent import moments, outside

BEGAN, ENDED = "8d45620c1a4348dbb17410da57c60c66", "3354939424b4456d9802ca8333ed424a"
MOST_DAYS = 400

Event = dict[str, Any]


def read(since: str | None) -> list[Event]:
    after = f"@{int(moments.seconds(since.partition('/')[0]))}" if since else f"-{MOST_DAYS}d"
    wanted = (f"MESSAGE_ID={BEGAN}", f"MESSAGE_ID={ENDED}")
    command = ("journalctl", "--quiet", "--no-pager", "--output=json", f"--since={after}", *wanted)
    return list(parse(outside.output(*command, timeout=60)))


def parse(text: str) -> Iterator[Event]:
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            at = moments.iso(int(entry["__REALTIME_TIMESTAMP"]) / 1e6)
            kind, user = entry["MESSAGE_ID"], str(entry.get("USER_ID", ""))
        except (ValueError, KeyError, TypeError):
            continue
        number, verb = (21, "signed in") if kind == BEGAN else (23, "signed out")
        session = str(entry.get("SESSION_ID", ""))[:40]
        name = user or came_from(str(entry.get("MESSAGE", "")))
        yield {
            "uid": f"{at}/{number}/{session}/{entry.get('LEADER', '')}"[:60],
            "at": at,
            "id": number,
            "source": "linux",
            "account": name[:200],
            "session": session,
            "address": "",
            "message": f"{name or 'Session ' + session} {verb}",
        }


def came_from(message: str) -> str:
    """The name in “New session 5 of user jane.”; what ends a session does not say whose it was."""
    _, found, name = message.partition(" of user ")
    return name.rstrip(".") if found else ""
