"""Ways to connect to a computer, as its own facts tell them."""

import re
from typing import Any, NamedTuple

from webapp.models import Computer

TITLES = {
    "rdp": "RDP", "vnc": "VNC", "ssh": "SSH", "rustdesk": "RustDesk", "anydesk": "AnyDesk",
    "teamviewer": "TeamViewer",
}  # fmt: skip
PORTS = {"rdp": 3389, "vnc": 5900, "ssh": 22}
URIS = {
    "rustdesk": "rustdesk://{}",
    "anydesk": "anydesk:{}",
    "teamviewer": "teamviewer10://control?device={}",
}
ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z.@_-]{0,59}", re.ASCII)


class Way(NamedTuple):
    """`uri` opens it; RDP has a file instead. `target` is what a person may type by hand."""

    tool: str
    title: str
    target: str
    uri: str
    is_running: bool


def ways_of(computer: Computer) -> list[Way]:
    found: dict[str, Way] = {}
    remote = (computer.facts or {}).get("remote")
    for item in remote if isinstance(remote, list) else ():
        way = way_of(item, computer.address) if isinstance(item, dict) else None
        if way and way.tool not in found:
            found[way.tool] = way
    return sorted(
        found.values(), key=lambda way: (not way.is_running, list(TITLES).index(way.tool))
    )


def way_of(item: dict[str, Any], address: str) -> Way | None:
    tool, name, port = str(item.get("tool")), item.get("id"), item.get("port")
    is_running = item.get("running") is not False
    if tool in PORTS and address:
        number = port if type(port) is int and 0 < port < 65536 else PORTS[tool]
        host = f"[{address}]" if ":" in address else address
        uri = "" if tool == "rdp" else f"{tool}://{host}:{number}"
        return Way(tool, TITLES[tool], f"{host}:{number}", uri, is_running)
    text = re.sub(r"\s", "", str(name or ""))
    if tool in URIS and ID.fullmatch(text):
        return Way(tool, TITLES[tool], text, URIS[tool].format(text), is_running)
    return None


def rdp_file(way: Way) -> str:
    lines = (f"full address:s:{way.target}", "prompt for credentials:i:1", "redirectclipboard:i:1")
    return "".join(f"{line}\r\n" for line in lines)


def file_name(name: str) -> str:
    """For a download's header: a computer may be called anything."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "computer"
