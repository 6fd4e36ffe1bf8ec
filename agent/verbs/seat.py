"""The graphical session that somebody sits at. An agent of the system borrows its environment,
and starts programs as the person, never as itself."""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple

import psutil

from agent.verbs.errors import VerbError

WANTED = (
    *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"),
    *("HOME", "USER", "LOGNAME", "PATH", "LANG", "XDG_CURRENT_DESKTOP", "XDG_DATA_DIRS"),
)
FIRST_PERSON = 1000


class Seat(NamedTuple):
    environment: dict[str, str]
    user: int | None = None  # None: the agent's own account
    group: int | None = None

    def options(self) -> dict[str, Any]:
        """For subprocess: in this session, as this person, without the agent's files."""
        home = self.environment.get("HOME", "")
        options: dict[str, Any] = {"env": self.environment, "start_new_session": True}
        options["cwd"] = home if os.path.isdir(home) else os.sep
        if self.user is not None:
            groups = groups_of(self.user, self.group or 0)
            options.update(user=self.user, group=self.group, extra_groups=groups)
        return options


def groups_of(user: int, group: int) -> list[int]:
    """Sound and screen are often a matter of groups."""
    if sys.platform == "win32":
        return []
    import pwd

    try:
        return os.getgrouplist(pwd.getpwuid(user).pw_name, group)
    except KeyError:
        return []


def find() -> Seat:
    if sys.platform in ("win32", "darwin") or has_screen(dict(os.environ)):
        return Seat(dict(os.environ))
    for process in psutil.process_iter(["uids"]):
        uids = process.info["uids"]
        if uids is None or uids.real < FIRST_PERSON:
            continue
        try:
            environment, group = process.environ(), process.gids().real
        except (psutil.Error, OSError):
            continue
        if has_screen(environment):
            kept = {name: environment[name] for name in WANTED if name in environment}
            return Seat(kept, uids.real if os.geteuid() == 0 else None, group)
    raise VerbError("Nobody has a graphical session open on this computer.")


def has_screen(environment: dict[str, str]) -> bool:
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
