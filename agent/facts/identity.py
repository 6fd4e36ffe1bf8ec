"""Which computer is this? Name, serial, UUID, maker and model."""

from __future__ import annotations

import os
import re
import socket
import sys

from agent import outside
from agent.facts import smbios

DMI = "/sys/class/dmi/id"
TREE = "/proc/device-tree"
WORDS = {
    "serial": ("product_serial", "bios serial"),
    "uuid": ("product_uuid", "hardware uuid"),
    "manufacturer": ("sys_vendor", "manufacturer"),
    "model": ("product_name", "model"),
}
IOREG = re.compile(r'^\s*\|?\s*"([\w-]+)" = <?"([^"]*)">?\s*$', re.MULTILINE)

Identity = dict[str, str]


def read(missing: list[str]) -> Identity:
    if sys.platform == "win32":
        found = smbios.parse(smbios.read_windows())
    elif sys.platform == "darwin":
        found = parse_ioreg(outside.output("ioreg", "-rd1", "-c", "IOPlatformExpertDevice"))
    else:
        found = read_linux(missing)
    if not found["serial"] and "bios serial" not in missing and sys.platform != "linux":
        missing.append("bios serial")
    return {"name": name(), **found}


def name() -> str:
    told = os.environ.get("COMPUTERNAME") or socket.gethostname()
    return told.partition(".")[0][:100]


def read_linux(missing: list[str]) -> Identity:
    found = {}
    for key, (file, words) in WORDS.items():
        try:
            found[key] = outside.text(f"{DMI}/{file}")
        except outside.NotPermittedError:
            found[key] = ""
            missing.append(words)
    if not found["serial"]:  # boards without a BIOS
        found["serial"] = outside.text(f"{TREE}/serial-number")
        found["model"] = found["model"] or outside.text(f"{TREE}/model")
    if not found["uuid"]:  # kept by the system for its whole life, open to everybody
        found["uuid"] = machine_uuid(outside.text("/etc/machine-id"))
    return tidy(found)


def machine_uuid(text: str) -> str:
    """A machine-id in the form of a UUID."""
    if not re.fullmatch(r"[0-9a-f]{32}", text):
        return ""
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def parse_ioreg(text: str) -> Identity:
    found = dict(IOREG.findall(text))
    return tidy(
        {
            "serial": found.get("IOPlatformSerialNumber", ""),
            "uuid": found.get("IOPlatformUUID", ""),
            "manufacturer": found.get("manufacturer", ""),
            "model": found.get("model", ""),
        }
    )


def tidy(found: Identity) -> Identity:
    """Serial and UUID as one writes them in one way only: they are what a computer is known by."""
    return {
        "serial": "".join(found["serial"].split()).upper()[:100],
        "uuid": found["uuid"].strip().lower()[:40],
        "manufacturer": found["manufacturer"].strip()[:100],
        "model": found["model"].strip()[:100],
    }
