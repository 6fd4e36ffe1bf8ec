"""SIP PnP's three messages: the phone's SUBSCRIBE, our 200 OK and our NOTIFY. No sockets here."""

import re
import secrets
from typing import NamedTuple

from provisioning.errors import MacError
from provisioning.mac import normalise_mac
from provisioning.transports.sip_exchange import MAGIC
from provisioning.transports.sip_fields import (
    SipError,
    parse_address,
    parse_uri,
    parse_value,
    parse_via,
    same_address,
    uri_of,
)
from provisioning.transports.sip_messages import Request, Response, build

URL_TYPES = ("application/url", "application/x-gs-ucm-url")  # the second: Grandstream's
MAX_URL = 1024
# What OEM firmware says instead of a name: Snom and VTech "OEM", Fanvil model="VOIP PHONE".
NO_NAMES = ("oem", "voip phone")

_MAC_USER = re.compile(r"mac[:=_\-]?([0-9a-f][0-9a-f:.\-]*)", re.IGNORECASE | re.ASCII)
_RPORT = re.compile(r";\s*rport\s*(?=;|$)", re.IGNORECASE)


class PnpRequest(NamedTuple):
    """A phone that asks where its configuration is; "" is what it does not say."""

    mac: str
    vendor: str
    model: str
    firmware: str
    address: str  # where the packet came from
    user: str  # of From, as it is: "00000001" is all that an AudioCodes says
    user_agent: str = ""


class Replies(NamedTuple):
    accepted: bytes
    notify: bytes
    branch: str  # of the NOTIFY: its answer bears it
    port: int  # where the phone takes the NOTIFY, at the address that the SUBSCRIBE came from


def read_subscribe(request: Request, address: str) -> PnpRequest | None:
    """Return None for what is no SIP PnP, SipError for what is malformed."""
    event, params = parse_value(request.first("Event"))
    if request.method != "SUBSCRIBE" or event.lower() != "ua-profile" or not url_type(request):
        return None
    if request.cseq().method != "SUBSCRIBE":
        raise SipError("CSeq names another method")
    user = parse_uri(parse_address(request.first("From")).uri).user
    to = parse_uri(parse_address(request.first("To")).uri).user
    return PnpRequest(
        mac=mac_of(user) or mac_of(to),
        vendor=named(params.get("vendor", "")),
        model=named(params.get("model", "")),
        firmware=params.get("version", ""),
        address=address,
        user=user,
        user_agent=request.first("User-Agent"),
    )


def url_type(request: Request) -> str:
    """Return the Content-Type to answer with, "" if this phone takes none of ours."""
    accepted = [parse_value(value)[0].lower() for value in request.values("Accept")]
    if not accepted or "*/*" in accepted:
        return URL_TYPES[0]
    return next((kind for kind in URL_TYPES if kind in accepted), "")


def mac_of(user: str) -> str:
    """Find the MAC in "MAC001565abcdef" and "MAC:0004131234ab"; a bare number is not one."""
    found = _MAC_USER.fullmatch(user)
    try:
        return normalise_mac(found[1]) if found else ""
    except MacError:
        return ""


def named(word: str) -> str:
    return "" if word.strip().lower() in NO_NAMES else word.strip()


def readable(url: str) -> str:
    if not url.isascii() or not url.isprintable() or len(url) > MAX_URL:
        raise ValueError("no phone can read this URL")
    return url


def reply_to(request: Request, peer: tuple[str, int], here: tuple[str, int], url: str) -> Replies:
    """Write both answers to a SUBSCRIBE from `peer`; `here` is what they are sent from."""
    tag, contact = secrets.token_hex(8), f"<{uri_of('', *here)}>"
    to, sender = request.first("To"), request.first("From")
    if "tag" not in parse_address(to).params:
        to = f"{to};tag={tag}"
    call_id = request.first("Call-ID")
    accepted = Response(
        200,
        "OK",
        (
            *vias(request, peer),
            ("From", sender),
            ("To", to),
            ("Call-ID", call_id),
            ("CSeq", request.first("CSeq")),
            ("Contact", contact),
            ("Expires", "0"),
        ),
    )
    branch = MAGIC + secrets.token_hex(16)
    uri, port = way_to(request, peer)
    notify = Request(
        "NOTIFY",
        uri,
        (
            ("Via", f"SIP/2.0/UDP {here[0]}:{here[1]};rport;branch={branch}"),
            ("Max-Forwards", "70"),
            ("From", to),
            ("To", sender),
            ("Call-ID", call_id),
            ("CSeq", "1 NOTIFY"),
            ("Contact", contact),
            ("Event", request.first("Event")),
            ("Subscription-State", "terminated;reason=timeout"),
            ("Content-Type", url_type(request)),
        ),
        url.encode(),
    )
    return Replies(build(accepted), build(notify), branch, port)


def vias(request: Request, peer: tuple[str, int]) -> list[tuple[str, str]]:
    """Copy the path back and note in its first step where the packet came from (RFC 3581)."""
    first, *others = request.vias()
    via = parse_via(first)
    if via.params.get("rport") == "":
        first = _RPORT.sub(f";rport={peer[1]}", first, count=1)
    if "rport" in via.params or not same_address(via.host, peer[0]):
        first += f";received={peer[0]}"
    return [("Via", value) for value in (first, *others)]


def way_to(request: Request, peer: tuple[str, int]) -> tuple[str, int]:
    """Return the Contact's URI, and its port if the Contact is where the packet came from.

    Nothing is ever sent to another address: a SUBSCRIBE must not aim us at a third host.
    """
    contact = next(iter(request.values("Contact")), "")
    if not contact:
        return uri_of("", *peer), peer[1]
    address = parse_address(contact).uri
    uri = parse_uri(address)
    if same_address(uri.host, peer[0]):
        return address, uri.port or 5060
    return address, peer[1]
