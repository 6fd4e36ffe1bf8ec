"""Which addresses has this computer, and which of them reaches the desk?"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import psutil

MOST = 32


def read(host: str, port: int) -> list[dict[str, Any]]:
    up = {name for name, stats in psutil.net_if_stats().items() if stats.isup}
    interfaces = {
        name: [(row.family, row.address) for row in rows]
        for name, rows in psutil.net_if_addrs().items()
    }
    return addresses(interfaces, up, reaching(host, port))


def addresses(
    interfaces: dict[str, list[tuple[int, str]]], up: Iterable[str], reaches: str
) -> list[dict[str, Any]]:
    """Those that other machines could reach, the one that reaches the desk first."""
    up, found = set(up), []
    for name, rows in interfaces.items():
        mac = next((text for family, text in rows if family == psutil.AF_LINK), "")
        for family, text in rows:
            if family in (socket.AF_INET, socket.AF_INET6) and name in up:
                address = text.partition("%")[0]
                if address == reaches or is_reachable(address):
                    found.append(
                        {
                            "address": address,
                            "interface": name[:60],
                            "mac": mac.replace("-", ":").lower(),
                            "reaches": address == reaches,
                        }
                    )
    return sorted(found, key=lambda row: not row["reaches"])[:MOST]


def is_reachable(address: str) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return not (ip.is_loopback or ip.is_link_local or ip.is_unspecified)


def reaching(host: str, port: int) -> str:
    """The address that the route to the desk begins with: no packet is sent for that."""
    with suppress(OSError):
        for family, kind, protocol, _, target in socket.getaddrinfo(
            host, port, type=socket.SOCK_DGRAM
        ):
            with suppress(OSError), socket.socket(family, kind, protocol) as probe:
                probe.connect(target)
                return str(probe.getsockname()[0]).partition("%")[0]
    return ""
