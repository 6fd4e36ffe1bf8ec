"""Which system runs here, in the words of its maker."""

from __future__ import annotations

import platform
import re
import shlex
import sys

from agent import outside
from agent.facts import registry

CURRENT = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
FIRST_BUILD_OF_11 = 22000  # Windows 11 still calls itself 10 in its registry


def read(_missing: list[str]) -> dict[str, str]:
    found = {
        "system": {"Darwin": "macOS"}.get(platform.system(), platform.system()),
        "release": platform.release()[:60],
        "version": platform.version()[:120],
        "machine": platform.machine(),
    }
    if sys.platform == "win32":
        return {**found, **windows(registry.values(CURRENT))}
    if sys.platform == "darwin":
        version = platform.mac_ver()[0]
        return {**found, "release": version, "name": f"macOS {version}"}
    return {**found, "name": linux_name(outside.text("/etc/os-release")) or platform.platform()}


def linux_name(text: str) -> str:
    """The pretty name of an os-release file, which is written like a shell's variables."""
    found = {}
    for line in text.splitlines():
        key, mark, value = line.partition("=")
        if mark and re.fullmatch(r"[A-Z0-9_]+", key.strip()):
            found[key.strip()] = unquoted(value)
    name = found.get("PRETTY_NAME") or f"{found.get('NAME', '')} {found.get('VERSION', '')}"
    return name.strip()[:120]


def unquoted(value: str) -> str:
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value.strip()


def windows(values: dict[str, object]) -> dict[str, str]:
    """Name, release and build out of the registry's CurrentVersion."""
    build = str(values.get("CurrentBuild", ""))
    is_11 = build.isdigit() and int(build) >= FIRST_BUILD_OF_11
    name = str(values.get("ProductName", "Windows"))
    if is_11:
        name = name.replace("Windows 10", "Windows 11")
    shown = str(values.get("DisplayVersion") or values.get("ReleaseId") or "")
    found = {"name": f"{name} {shown}".strip()[:120], "version": f"{build}.{values.get('UBR', 0)}"}
    if "Server" not in name:
        found["release"] = "11" if is_11 else "10"
    return found
