"""Whether one request of one phone is served, and if not, why not.

Pure and the same for every transport. The reason is for our log; a phone sees one refusal only.
"""

import hashlib
import hmac
import ipaddress
import re
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol

from provisioning.identify import Clues
from provisioning.registry import registry

Reason = Literal[
    "", "unknown_phone", "wrong_key", "unknown_file", "not_allowed", "no_revision", "unavailable"
]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Flat notations of a MAC in a file name; the longer ones are tried first.
SEPARATED = re.compile(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}")
MAC = "<mac>"
NOTHING = "0" * 64  # the digest of no key


class Request(NamedTuple):
    """`key` is what stood in the HTTP path; TFTP has none, there the address is the proof."""

    file: str
    address: str
    user_agent: str = ""
    key: str | None = None
    transport: Literal["http", "tftp"] = "http"


class Stored(NamedTuple):
    """What the host knows of a phone. `body` is as the host stores it and opaque here."""

    phone_id: int
    site_id: int
    mac: str
    model: str
    key_digest: str
    previous_digest: str | None
    previous_until: datetime | None
    networks: str
    revision_id: int | None = None
    sha256: str = ""
    size: int = 0
    content_type: str = ""
    body: bytes = b""


class Lookup(Protocol):
    def by_mac(self, mac: str) -> Stored | None: ...


class Verdict(NamedTuple):
    """`reason` is "" when the phone is served; `key_digest` "" when the request had no key."""

    reason: Reason
    stored: Stored | None = None
    key_digest: str = ""

    @property
    def served(self) -> bool:
        return not self.reason


# An unknown phone is measured against this one, so that it costs the same work as a known one.
NOBODY = Stored(0, 0, "0" * 12, "", NOTHING, NOTHING, None, "")


def decide(request: Request, clues: Clues, stored: Stored | None, now: datetime) -> Verdict:
    """Judge a request; `stored` is what the host's Lookup gave for `clues.mac`."""
    phone = stored or NOBODY
    key_digest = digest(request.key or "") if request.key is not None else ""
    proven = _proves_itself(request, key_digest, phone, now)
    named = is_name_of(phone, request.file)
    return Verdict(_reason(request, stored, proven, named), stored, key_digest)


def _reason(request: Request, stored: Stored | None, proven: bool, named: bool) -> Reason:
    if stored is None:
        return "unknown_phone"
    if not proven:
        return "wrong_key" if request.transport == "http" else "not_allowed"
    if not named:
        return "unknown_file"
    return "" if stored.revision_id is not None else "no_revision"


def _proves_itself(request: Request, key_digest: str, phone: Stored, now: datetime) -> bool:
    if request.transport == "tftp":
        return inside(request.address, phone.networks) is not None
    present = hmac.compare_digest(key_digest, phone.key_digest)
    previous = hmac.compare_digest(key_digest, phone.previous_digest or NOTHING)
    return present or (previous and phone.previous_until is not None and now < phone.previous_until)


def digest(key: str) -> str:
    """Return what of a site's key may be stored and logged."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def is_name_of(phone: Stored, file: str) -> bool:
    """Tell whether `file` is one of the names under which this phone asks for its own file."""
    wanted = plain_name(file)
    return any(wanted == name.replace(MAC, phone.mac) for name in lower_names(phone.model))


@lru_cache(maxsize=1024)
def lower_names(model: str) -> tuple[str, ...]:
    """The lower-case names of a model's files, each once, MAC standing for the address."""
    found = registry().models.get(model)
    return tuple(dict.fromkeys(n.lower() for n in found.files(MAC))) if found else ()


def names_of(phone: Stored) -> tuple[str, ...]:
    model = registry().models.get(phone.model)
    return model.files(phone.mac) if model else ()


def plain_name(file: str) -> str:
    """Return a file name in lower case, without a leading slash and separators in its MAC."""
    name = file.lstrip("/").lower()
    found = SEPARATED.match(name)
    if not found:
        return name
    return re.sub(r"[:.-]", "", found.group()) + name[found.end() :]


@lru_cache(maxsize=8192)
def inside(address: str, networks: str) -> Network | None:
    """Return the narrowest of the blank-separated networks that `address` lies in."""
    found = plain_address(address)
    if found is None:
        return None
    matching = (network for network in parsed(networks) if found in network)
    return max(matching, key=lambda network: network.prefixlen, default=None)


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
