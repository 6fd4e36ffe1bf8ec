"""Ask all the facts; one that fails costs no other."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import Any

import psutil

from agent import signing
from agent.facts import (
    accounts,
    addresses,
    hardware,
    identity,
    operating_system,
    ports,
    programs,
    remote,
    uptime,
)
from agent.outside import NotPermittedError

log = logging.getLogger("agent")

Missing = list[str]
FULL: dict[str, Callable[[Missing], Any]] = {
    "identity": identity.read,
    "os": operating_system.read,
    "disks": hardware.read_disks,
    "memory": hardware.read_total_memory,
    "cpu": hardware.read_processor,
    "programs": programs.read,
    "remote": remote.read,
    "ports": ports.read,
}
EMPTY: dict[str, Callable[[], Any]] = {
    "identity": dict,
    "os": dict,
    "memory": dict,
    "cpu": dict,
    "accounts": dict,
}


def full() -> dict[str, Any]:
    """All facts, and what could not be read."""
    missing: Missing = []
    facts = {name: guarded(name, read, missing) for name, read in FULL.items()}
    return {**facts, "not_permitted": sorted(set(missing))}


def digest(facts: dict[str, Any]) -> str:
    return hashlib.sha256(signing.canonical(facts)).hexdigest()


def beat(host: str, port: int) -> dict[str, Any]:
    """The small report of each minute: who is here, where, and how busy it is."""
    missing: Missing = []
    people: dict[str, Any] = guarded("accounts", accounts.read, missing)
    return {
        "addresses": guarded("addresses", lambda _: addresses.read(host, port), missing),
        "accounts": people.get("accounts", []),
        "booted_at": guarded("uptime", uptime.read, missing) or None,
        "locked": people.get("locked"),
        "cpu": hardware.read_load(),
        "memory": guarded("memory", hardware.read_memory, missing),
    }


def guarded(name: str, read: Callable[[Missing], Any], missing: Missing) -> Any:
    """One fact that fails must not cost the others: PCs differ in ways that nobody foresees."""
    try:
        return read(missing)
    except (NotPermittedError, PermissionError, psutil.AccessDenied):
        missing.append(name)
    except Exception:
        log.exception("the fact “%s” could not be read", name)
        missing.append(f"{name} (failed)")
    return EMPTY.get(name, list)()
