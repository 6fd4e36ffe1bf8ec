"""Addresses and networks: where a request comes from, and what counts as the same place."""

import ipaddress
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SAME_PLACE = {4: 24, 6: 64}  # prefix lengths: phones of one office, whatever address each has today


@lru_cache(maxsize=8192)
def inside(address: str, networks: str) -> Network | None:
    """Return the narrowest of the blank-separated networks that `address` lies in."""
    found = plain_address(address)
    if found is None:
        return None
    matching = (network for network in parsed(networks) if found in network)
    return max(matching, key=lambda network: network.prefixlen, default=None)


def is_at(address: str, network: str) -> bool:
    """Tell whether `address` lies in a network that `place` gave."""
    # A storm is thousands of different addresses: most lie in an IPv4 /24 and need no parsing.
    front, _, last = address.rpartition(".")
    if last.isdecimal() and network == f"{front}.0/24":
        return True
    return inside(address, network) is not None


@lru_cache(maxsize=8192)
def place(address: str, networks: str) -> str:
    """Return the network that stands for where `address` is, "" if it is no address.

    That is its /24 or /64, or a narrower one of `networks` that it lies in.
    """
    found = plain_address(address)
    if found is None:
        return ""
    if found.version == 4 and not narrow(networks):  # as most are; six times as quick
        return f"{str(found).rpartition('.')[0]}.0/24"
    around = ipaddress.ip_network((found, SAME_PLACE[found.version]), strict=False)
    own = [one for one in narrow(networks) if found in one]
    return str(max(own, key=lambda network: network.prefixlen, default=around))


def plain_address(text: str) -> Address | None:
    """Read an address; an IPv4 one seen through an IPv6 socket (::ffff:10.0.0.9) is IPv4."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=2048)
def parsed(networks: str) -> tuple[Network, ...]:
    """Parse a site's networks; one that cannot be read allows nobody and hinders no other."""
    found = []
    for text in networks.replace(",", " ").split():
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            continue
    return tuple(found)


@lru_cache(maxsize=2048)
def narrow(networks: str) -> tuple[Network, ...]:
    """Those that are less than what else counts as one place; most sites have none."""
    return tuple(one for one in parsed(networks) if one.prefixlen > SAME_PLACE[one.version])
