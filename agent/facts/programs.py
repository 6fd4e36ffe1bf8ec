"""Which programs are installed?"""

from __future__ import annotations

import plistlib
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent import outside
from agent.facts import registry

UNINSTALL = (
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall",
    r"SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall",
)
DPKG = "${db:Status-Status}\t${binary:Package}\t${Version}\t${Maintainer}\n"
RPM = "installed\t%{NAME}\t%{VERSION}-%{RELEASE}\t%{VENDOR}\n"
MOST = 5000
LONGEST = 120

Program = dict[str, str]


def read(_missing: list[str]) -> list[Program]:
    if sys.platform == "win32":
        found = from_registry(uninstall_keys())
    elif sys.platform == "darwin":
        found = applications()
    else:
        found = packages()
    return tidy(found)


def packages() -> list[Program]:
    if shutil.which("dpkg-query"):
        return parse_packages(outside.output("dpkg-query", "-W", "-f", DPKG, timeout=60))
    if shutil.which("rpm"):
        return parse_packages(outside.output("rpm", "-qa", "--qf", RPM, timeout=60))
    if shutil.which("pacman"):
        return parse_pacman(outside.output("pacman", "-Q", timeout=60))
    return []


def parse_packages(text: str) -> list[Program]:
    """Lines of state, name, version and maker, as dpkg and rpm are asked for them."""
    found = []
    for line in text.splitlines():
        parts = line.split("\t")
        if len(parts) == 4 and parts[0] == "installed":
            maker = "" if parts[3] == "(none)" else parts[3].partition(" <")[0]
            found.append(program(parts[1], parts[2], maker))
    return found


def parse_pacman(text: str) -> list[Program]:
    rows = (line.split() for line in text.splitlines())
    return [program(row[0], row[1]) for row in rows if len(row) == 2]


def uninstall_keys() -> Iterable[dict[str, object]]:
    for own, path in ((False, UNINSTALL[0]), (False, UNINSTALL[1]), (True, UNINSTALL[0])):
        read_key = registry.own_values if own else registry.values
        for name in registry.keys(path, own):
            yield read_key(rf"{path}\{name}")


def from_registry(keys: Iterable[dict[str, object]]) -> list[Program]:
    """What Windows itself lists: no parts of the system, no updates of something else."""
    found = []
    for values in keys:
        name = str(values.get("DisplayName") or "").strip()
        if name and values.get("SystemComponent") != 1 and not values.get("ParentKeyName"):
            version, maker = values.get("DisplayVersion"), values.get("Publisher")
            found.append(program(name, str(version or ""), str(maker or "")))
    return found


def applications() -> list[Program]:
    found = []
    for folder in (Path("/Applications"), Path.home() / "Applications"):
        for path in sorted(folder.glob("*.app")) + sorted(folder.glob("*/*.app")):
            with suppress(OSError):
                found.append(parse_bundle((path / "Contents/Info.plist").read_bytes(), path.stem))
    return found


def parse_bundle(data: bytes, stem: str) -> Program:
    """An application's Info.plist, in either of its formats."""
    values: dict[str, Any] = {}
    with suppress(Exception):  # plistlib raises what expat, struct and itself raise
        values = plistlib.loads(data)
    name = values.get("CFBundleDisplayName") or values.get("CFBundleName") or stem
    identifier = str(values.get("CFBundleIdentifier", ""))
    version = values.get("CFBundleShortVersionString") or values.get("CFBundleVersion") or ""
    maker = "Apple" if identifier.startswith("com.apple.") else ""
    return program(str(name), str(version), maker)


def program(name: str, version: str, publisher: str = "") -> Program:
    return {
        "name": name.strip()[:LONGEST],
        "version": version.strip()[:60],
        "publisher": publisher.strip()[:LONGEST],
    }


def tidy(found: list[Program]) -> list[Program]:
    """Sorted, each once: 32 and 64 bits often enter themselves twice."""
    unique = {(row["name"].lower(), row["version"]): row for row in found if row["name"]}
    return [unique[key] for key in sorted(unique)][:MOST]
