"""Who is behind an address on our own link: the system's ARP table, asked to look if need be.

A packet may claim any MAC in its text; what the link delivers to is harder to fake, and an
AudioCodes phone says no MAC at all. Linux and IPv4 only, like SIP PnP; elsewhere nothing is known.
"""

import socket
import struct
import time
from contextlib import suppress
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import NamedTuple

from provisioning.transports.sip_sockets import local_towards

NET = Path("/proc/net")
COMPLETE = 0x2  # linux/if_arp.h: ATF_COM
LOOKS, PAUSE = 50, 0.005  # a host that is there answers within some milliseconds
MOST_WAITS, WINDOW = 8, 10.0  # waits in vain in so many seconds: somebody invents addresses
DISCARD = 9


class Neighbour(NamedTuple):
    """`mac` is "" when it is not known; `near` says whether it should have been."""

    mac: str = ""
    near: bool = False


class Neighbours:
    """Looks addresses up, and waits a moment for those that the system has not met yet."""

    def __init__(self, net: Path = NET) -> None:
        self._net = net
        self._waits, self._window_ends = 0, 0.0

    def of(self, address: str) -> Neighbour:
        if not self._is_on_link(address):
            return Neighbour()
        mac = self._listed(address)
        if mac or not self._may_wait():
            return Neighbour(mac, near=True)
        self._call(address)
        for _ in range(LOOKS):
            time.sleep(PAUSE)
            if mac := self._listed(address):
                return Neighbour(mac, near=True)
        self._waits += 1
        return Neighbour("", near=True)

    def _may_wait(self) -> bool:
        now = time.monotonic()
        if now >= self._window_ends:
            self._waits, self._window_ends = 0, now + WINDOW
        return self._waits < MOST_WAITS

    def _call(self, address: str) -> None:
        """Anything sent makes the system ask who has the address."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as voice, suppress(OSError):
            voice.sendto(b"", (address, DISCARD))

    def _listed(self, address: str) -> str:
        for words in self._rows("arp"):
            if words[0] == address and int(words[2], 16) & COMPLETE:
                return words[3].replace(":", "").lower()
        return ""

    def _is_on_link(self, address: str) -> bool:
        """Whether the narrowest route to the address has no gateway and is no loopback."""
        try:
            wanted = int(IPv4Address(address))
        except AddressValueError:
            return False
        best: tuple[int, bool] = (-1, False)
        for words in self._rows("route"):
            target, gateway, mask = (number(words[column]) for column in (1, 2, 7))
            if wanted & mask == target and mask > best[0]:
                best = mask, gateway == 0
        return best[1] and not is_ours(address)

    def _rows(self, name: str) -> list[list[str]]:
        try:
            lines = (self._net / name).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            return []
        return [line.split() for line in lines]


def is_ours(address: str) -> bool:
    with suppress(OSError):
        return local_towards(address) == address or address.startswith("127.")
    return False


def number(text: str) -> int:
    """Read an address as /proc/net/route writes it: the machine's own order of bytes, in hex."""
    (found,) = struct.unpack("!I", struct.pack("=I", int(text, 16)))
    return int(found)
