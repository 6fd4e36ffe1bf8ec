"""On which ports for working from afar does it listen to others?"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

import psutil

REMOTE = {22, 3389, 5938, 7070, 21118, 21119, *range(5900, 5910)}


def read(missing: list[str]) -> list[int]:
    return sorted(listening(missing) & REMOTE)


def listening(missing: list[str]) -> set[int]:
    """All TCP ports on which others can reach this computer."""
    try:
        rows = psutil.net_connections(kind="tcp")
    except (psutil.AccessDenied, PermissionError):  # macOS tells root only
        missing.append("listening ports")
        return set()
    return open_to_others(
        (row.laddr.ip, row.laddr.port) for row in rows if row.status == psutil.CONN_LISTEN
    )


def open_to_others(rows: Iterable[tuple[str, int]]) -> set[int]:
    return {port for address, port in rows if not is_loopback(address)}


def is_loopback(address: str) -> bool:
    ip = ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_loopback)
