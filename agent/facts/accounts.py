"""Who is on this computer now, at its console or from afar, and since when?"""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import suppress
from typing import Any

import psutil

from agent import moments, outside
from agent.facts import loginctl, quser
from agent.facts.account_names import local_names, normal
from agent.facts.identity import name as computer_name

MOST = 100
HERE = ("", "localhost", "127.0.0.1", "::1", "-")

Account = dict[str, Any]


def read(_missing: list[str]) -> dict[str, Any]:
    """Who is here, and whether the console's screen is locked (None: nobody can tell)."""
    if sys.platform == "win32":
        names = running()
        rows = quser.parse(outside.output(system_program("quser.exe")))
        found = windows(user_rows(), rows, domains_of_desktops(names))
        locked: bool | None = any(name == "logonui.exe" for _, name in names)
    else:
        sessions = loginctl.read() if shutil.which("loginctl") else []
        clock = time.time(), time.monotonic()
        found = loginctl.accounts(sessions, clock) or unix(user_rows())
        found, locked = with_domains(found), loginctl.locked(sessions)
    here = once(found)[:MOST]
    return {"accounts": here, "locked": locked if here else None}


def user_rows() -> list[tuple[str, str, str, float]]:
    """Name, terminal, where from, since when."""
    return [(u.name, u.terminal or "", u.host or "", u.started) for u in psutil.users()]


def unix(rows: list[tuple[str, str, str, float]]) -> list[Account]:
    """Out of utmp: a host that is no display of this computer means from afar."""
    return [
        account("", name, is_remote(host), started, terminal)
        for name, terminal, host, started in rows
    ]


def is_remote(host: str) -> bool:
    return host not in HERE and not host.startswith((":", "tmux", "login screen"))


def with_domains(found: list[Account]) -> list[Account]:
    """An account of this computer alone has its name for a domain, as on Windows."""
    local, here = local_names(), computer_name()
    for row in found:
        domain = here if row["name"] in local else ""
        row["domain"], row["name"] = normal(row["name"], domain)
    return found


def windows(
    rows: list[tuple[str, str, str, float]],
    sessions: list[quser.Row],
    domains: dict[str, str],
) -> list[Account]:
    """Times and addresses from the sessions' interface, which no language changes; console or
    remote from quser; the domain from who owns the desktop. A session that is disconnected has
    nobody before it."""
    by_name = {row.name.lower(): row for row in sessions}
    found = []
    for name, _, host, started in rows:
        session = by_name.get(name.lower())
        if session is not None and not session.session:
            continue
        remote = not session.is_console if session else is_remote(host)
        domain, short = normal(name, domains.get(name.lower(), ""))
        number = session.number if session else ""
        found.append(account(domain, short.lower(), remote, started, number))
    return found


def running() -> list[tuple[psutil.Process, str]]:
    found = psutil.process_iter(["name"])
    return [(process, (process.info["name"] or "").lower()) for process in found]


def domains_of_desktops(processes: list[tuple[psutil.Process, str]]) -> dict[str, str]:
    """Domain by name of those who run a desktop, as far as this account is told."""
    found = {}
    for process, name in processes:
        if name == "explorer.exe":
            with suppress(psutil.Error, OSError):
                domain, _, user = process.username().rpartition("\\")
                found[user.lower()] = domain
    own = os.environ.get("USERNAME", "").lower()
    if own and os.environ.get("USERDOMAIN"):
        found.setdefault(own, os.environ["USERDOMAIN"])
    return found


def account(domain: str, name: str, remote: bool, since: float | None, session: str) -> Account:
    return {
        "domain": domain[:100],
        "name": name[:100],
        "kind": "remote" if remote else "console",
        "since": None if since is None else moments.iso(round(since)),
        "session": session[:40],
    }


def once(found: list[Account]) -> list[Account]:
    """One person with five terminals is here once, since the first; console before remote."""
    rows: dict[tuple[str, str, str], Account] = {}
    for row in sorted(found, key=lambda row: row["since"] or "9"):
        rows.setdefault((row["domain"], row["name"], row["kind"]), row)
    return sorted(rows.values(), key=lambda row: (row["kind"], row["since"] or ""))


def system_program(name: str) -> str:
    """Of Windows itself: never whatever lies first in the search path."""
    with suppress(KeyError):
        return os.path.join(os.environ["SYSTEMROOT"], "System32", name)
    return name
