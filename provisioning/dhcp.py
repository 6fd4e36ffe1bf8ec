"""How a site's DHCP server points phones here: the same facts in the words of five servers.

A vendor's phones are known by the front half of their MAC, and by the vendor class (option 60)
where they send one. Each is told only its own vendor's options: what AudioCodes wants in option 66
is not what Fanvil wants there.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from provisioning import dhcp_formats
from provisioning.errors import N_, ProvisioningError
from provisioning.registry import Vendor, registry

LONGEST = 255  # octets that one option carries (RFC 2132)


class DhcpError(ProvisioningError):
    """No DHCP option can carry this address."""


class Pointer(NamedTuple):
    """What the phones of one vendor are told, and how they are known.

    `ouis` are 6 lower-case digits each, `classes` what their option 60 begins with.
    """

    key: str
    vendor: str
    options: tuple[int, ...]
    value: str
    ouis: tuple[str, ...]
    classes: tuple[str, ...]


class Server(NamedTuple):
    name: str
    file: str
    write: Callable[[list[Pointer]], str]
    comment: str  # what begins a line of words; "" where the format has none


SERVERS = {
    "dnsmasq": Server("dnsmasq", "belldesk-dnsmasq.conf", dhcp_formats.dnsmasq, "#"),
    "isc": Server("ISC dhcpd", "belldesk-dhcpd.conf", dhcp_formats.isc, "#"),
    "kea": Server("Kea", "belldesk-kea.json", dhcp_formats.kea, "//"),
    "mikrotik": Server("MikroTik", "belldesk.rsc", dhcp_formats.mikrotik, "#"),
    "windows": Server("Windows Server", "belldesk-dhcp.ps1", dhcp_formats.windows, "#"),
}


def configuration(
    server: str, url: str, title: str, vendors: Iterable[Vendor] | None = None
) -> str:
    """Write what is to be pasted into that server's configuration; `title` says what it is for."""
    found = SERVERS[server]
    words = "".join(letter for letter in title if letter.isprintable())
    return f"{found.comment} {words}\n{found.write(pointers(url, vendors))}"


def pointers(url: str, vendors: Iterable[Vendor] | None = None) -> list[Pointer]:
    chosen = registry().vendors.values() if vendors is None else vendors
    return [pointer(vendor, url) for vendor in chosen if vendor.dhcp]


def pointer(vendor: Vendor, url: str) -> Pointer:
    if vendor.dhcp is None:
        raise ValueError(f"{vendor.name} says nothing of DHCP")
    value = vendor.dhcp.value.replace("{url}", url)
    if not value.isascii() or not value.isprintable():
        raise DhcpError(N_("“%(value)s” holds characters that no DHCP option carries"), value=value)
    if len(value) > LONGEST:
        raise DhcpError(
            N_("The address is too long for DHCP: %(vendor)s would be told more than 255 letters"),
            vendor=vendor.name,
        )
    dhcp = vendor.dhcp
    return Pointer(vendor.key, vendor.name, dhcp.options, value, vendor.ouis, dhcp.classes)
