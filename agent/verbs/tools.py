"""Which programs are installed, and which ways to connect work now."""

from __future__ import annotations

import socket
import threading
from typing import Any

from agent.facts import programs, remote
from agent.verbs.errors import texts


def list_programs(_params: dict[str, Any], _stop: threading.Event) -> dict[str, Any]:
    return {"programs": programs.read([])}


def probe(params: dict[str, Any], _stop: threading.Event) -> dict[str, Any]:
    """Each tool that is there and whether it answers this minute."""
    wanted, missing = texts(params, "tools"), list[str]()
    found = [row for row in remote.read(missing) if not wanted or row["tool"] in wanted]
    return {
        "tools": [{**row, "answers": answers(row)} for row in found],
        "not_permitted": sorted(set(missing)),
    }


def answers(row: dict[str, Any]) -> bool:
    """Tools that are reached by an id hold a connection of their own: that they run must do."""
    if row["port"] is None:
        return bool(row["running"]) and row["tool"] not in remote.PORTS
    try:
        socket.create_connection(("127.0.0.1", row["port"]), 2).close()
    except OSError:
        return False
    return True
