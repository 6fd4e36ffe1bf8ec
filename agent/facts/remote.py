"""By which tools can this computer be worked on from afar, and what are its ids there?"""

from __future__ import annotations

import glob
import os
import plistlib
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from agent import outside
from agent.facts import ports, registry

TERMINAL_SERVER = r"SYSTEM\CurrentControlSet\Control\Terminal Server"
TEAMVIEWER = (r"SOFTWARE\TeamViewer", r"SOFTWARE\WOW6432Node\TeamViewer")
SERVERS = {
    "rdp": {"xrdp", "termservice", "gnome-remote-desktop-daemon"},
    "vnc": {
        *("xvnc", "xtightvnc", "xtigervnc", "x0vncserver", "x11vnc", "vino-server", "wayvnc"),
        *("winvnc", "tvnserver", "vncserver", "vncserver-x11-core", "screensharingd"),
    },
    "ssh": {"sshd"},
    "rustdesk": {"rustdesk"},
    "anydesk": {"anydesk"},
    "teamviewer": {"teamviewer", "teamviewerd", "teamviewer_service"},
}
PORTS = {"rdp": [3389], "vnc": list(range(5900, 5910)), "ssh": [22]}
FILES = {
    "rustdesk": (
        "~/.config/rustdesk/RustDesk.toml",
        "/root/.config/rustdesk/RustDesk.toml",
        "~/Library/Preferences/com.carriez.RustDesk/RustDesk.toml",
        r"%APPDATA%\RustDesk\config\RustDesk.toml",
        r"%SYSTEMROOT%\ServiceProfiles\LocalService\AppData\Roaming\RustDesk\config\RustDesk.toml",
    ),
    "anydesk": (
        "/etc/anydesk/system.conf",
        "~/.anydesk/system.conf",
        r"%PROGRAMDATA%\AnyDesk\ad_*\system.conf",
        r"%PROGRAMDATA%\AnyDesk\system.conf",
        r"%APPDATA%\AnyDesk\system.conf",
    ),
    "teamviewer": ("/etc/teamviewer/global.conf", "/opt/teamviewer/config/global.conf"),
}
PATTERNS = {
    "rustdesk": re.compile(r"^id\s*=\s*'(\d+)'", re.MULTILINE),
    "anydesk": re.compile(r"^ad\.anynet\.id=(\d+)", re.MULTILINE),
    "teamviewer": re.compile(r"^\[int32\] ClientID\s*=\s*(\d+)", re.MULTILINE),
}
PLIST = "/Library/Preferences/com.teamviewer.teamviewer*.plist"

Tool = dict[str, Any]


def read(missing: list[str]) -> list[Tool]:
    ids = {tool: identifier(tool, missing) for tool in FILES}
    rdp = registry.values(TERMINAL_SERVER) if sys.platform == "win32" else {}
    rdp_port = registry.values(rf"{TERMINAL_SERVER}\WinStations\RDP-Tcp").get("PortNumber")
    return tools(ids, processes(), ports.listening(missing), rdp, rdp_port)


def tools(
    ids: dict[str, str | None],
    running: set[str],
    listening: set[int],
    rdp: registry.Values | None = None,
    rdp_port: object = None,
) -> list[Tool]:
    """One row for each tool that is there: None for an id means that nothing is installed."""
    found = []
    choices = {**PORTS, "rdp": [rdp_port]} if isinstance(rdp_port, int) else PORTS
    for tool, servers in SERVERS.items():
        port = next((port for port in choices.get(tool, []) if port in listening), None)
        runs = bool(servers & running) or (tool == "rdp" and port is not None)
        allowed = tool == "rdp" and bool(rdp) and rdp.get("fDenyTSConnections") == 0  # type: ignore[union-attr]
        if runs or allowed or ids.get(tool) is not None:
            row = {"tool": tool, "id": ids.get(tool) or "", "port": port, "running": runs}
            found.append(row)
    return found


def processes() -> set[str]:
    names = (process.info["name"] or "" for process in psutil.process_iter(["name"]))
    return {plain(name) for name in names}


def plain(name: str) -> str:
    return name.lower().removesuffix(".exe")


def identifier(tool: str, missing: list[str]) -> str | None:
    """The tool's id; "" when it is installed but has none, or none that may be read."""
    found = from_system(tool)
    for path in candidates(FILES[tool]):
        try:
            text = outside.text(path)
        except outside.NotPermittedError:
            missing.append(f"{tool} id")
            found = found or ""
            continue
        found = found or parse(tool, text)
    return found


def candidates(paths: Iterable[str]) -> Iterable[str]:
    for path in paths:
        expanded = os.path.expanduser(os.path.expandvars(path))
        if "%" not in expanded and os.path.isabs(expanded):
            for match in glob.glob(expanded):
                if Path(match).is_file():
                    yield match


def parse(tool: str, text: str) -> str:
    match = PATTERNS[tool].search(text)
    return match[1] if match else ""


def from_system(tool: str) -> str | None:
    if tool != "teamviewer":
        return None
    if sys.platform == "win32":
        return from_teamviewer_keys(
            values
            for path in TEAMVIEWER
            for values in (
                registry.values(path),
                *(registry.values(rf"{path}\{name}") for name in registry.keys(path)),
            )
        )
    if sys.platform == "darwin":
        for path in glob.glob(PLIST):
            with suppress(OSError):
                return parse_plist(Path(path).read_bytes())
    return None


def from_teamviewer_keys(keys: Iterable[registry.Values]) -> str | None:
    return next((str(values["ClientID"]) for values in keys if values.get("ClientID")), None)


def parse_plist(data: bytes) -> str:
    with suppress(Exception):  # plistlib raises what expat, struct and itself raise
        return str(plistlib.loads(data).get("ClientID", ""))
    return ""
