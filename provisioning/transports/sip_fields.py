"""What stands inside SIP's headers: lists, quoted words, parameters, addresses, Via."""

import ipaddress
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

from provisioning.errors import ProvisioningError

USER_SAFE = "-_.!~*'()&=+$,;?/"  # RFC 3261, section 25.1: unreserved and user-unreserved

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_OPENING = re.compile(r'["<]')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+", re.ASCII)
_URI = re.compile(
    r"(sips?):(?:([^@]*)@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._\-]+)(?::([0-9]{1,5}))?"
    r"(;[^?]*)?(\?.*)?",
    re.ASCII | re.IGNORECASE,
)
_VIA = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*([A-Za-z]+)\s+(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._\-]+)"
    r"\s*(?::\s*([0-9]{1,5}))?\s*(;.*)?",
    re.ASCII | re.IGNORECASE,
)


class SipError(ProvisioningError):
    """Not SIP, or not what may be sent as SIP."""


class Uri(NamedTuple):
    scheme: str
    user: str  # all before the @, %-escapes undone: phones put bare colons there
    host: str
    port: int  # 0 = not said
    params: Mapping[str, str]


class Address(NamedTuple):
    display: str
    uri: str
    params: Mapping[str, str]


class Via(NamedTuple):
    transport: str
    host: str
    port: int  # 0 = not said
    params: Mapping[str, str]


def split(text: str, separator: str) -> list[str]:
    """Split where the separator is neither in quotes nor in angle brackets."""
    if not _OPENING.search(text):
        return [piece.strip() for piece in text.split(separator)]
    pieces, start, at = [], 0, 0
    while at < len(text):
        if text[at] in '"<':
            at = _closed(text, at)
            continue
        if text[at] == separator:
            pieces.append(text[start:at].strip())
            start = at + 1
        at += 1
    pieces.append(text[start:].strip())
    return pieces


def _closed(text: str, at: int) -> int:
    """Return where what opens here has ended."""
    if text[at] == "<":
        end = text.find(">", at) + 1
    else:
        found = _QUOTED.match(text, at)
        end = found.end() if found else 0
    if not end:
        raise SipError("a quote or bracket does not close")
    return end


def quoted(text: str) -> str:
    if _CONTROL.search(text):
        raise SipError("a quoted text holds a line break or a control character")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquoted(text: str) -> str:
    found = _QUOTED.fullmatch(text)
    return _ESCAPED.sub(r"\1", found[1]) if found else text


def parse_params(pieces: list[str]) -> dict[str, str]:
    """Read `name=value`, quoted or not, and bare names; the first of a name counts."""
    params: dict[str, str] = {}
    for piece in pieces:
        name, _, value = piece.partition("=")
        if not piece:
            continue
        if not _NAME.fullmatch(name.strip()):
            raise SipError("“%(piece)s” is not a parameter", piece=piece[:40])
        params.setdefault(name.strip().lower(), unquoted(value.strip()))
    return params


def parse_value(text: str) -> tuple[str, dict[str, str]]:
    """Read `value;name=value;...`, as Event and Subscription-State are written."""
    value, *params = split(text, ";")
    return value, parse_params(params)


def parse_address(text: str) -> Address:
    """Read a name-addr or an addr-spec, whose parameters are then the header's."""
    if "<" not in text:
        uri, known = parse_value(text)
        return Address("", uri, known)
    # The bracket that opens the URI is the first one outside quotes.
    quote_mark = _QUOTED.match(text.lstrip())
    name = quote_mark[0] if quote_mark else ""
    before, bracket, rest = text.lstrip()[len(name) :].partition("<")
    uri, closing, after = rest.partition(">")
    if not bracket or not closing or (name and before.strip()) or '"' in before:
        raise SipError("“%(text)s” is not an address", text=text[:80])
    leading, *params = split(after, ";")
    if leading:
        raise SipError("“%(text)s” is not an address", text=text[:80])
    return Address(unquoted(name) if name else before.strip(), uri.strip(), parse_params(params))


def parse_uri(text: str) -> Uri:
    found = _URI.fullmatch(text)
    if not found:
        raise SipError("“%(text)s” is not a SIP URI", text=text[:80])
    scheme, user, host, port, params, _ = found.groups()
    user = unquote(user or "")
    if _CONTROL.search(user):
        raise SipError("the user of a SIP URI holds a control character")
    known = parse_params((params or "").split(";"))
    return Uri(scheme.lower(), user, host.strip("[]").lower(), _port(port), known)


def parse_via(text: str) -> Via:
    found = _VIA.fullmatch(text)
    if not found:
        raise SipError("“%(text)s” is not a Via", text=text[:80])
    transport, host, port, params = found.groups()
    known = parse_params(split(params or "", ";"))
    return Via(transport.upper(), host.strip("[]").lower(), _port(port), known)


def _port(text: str | None) -> int:
    number = int(text or 0)
    if number > 65535:
        raise SipError("%(number)s is not a port", number=number)
    return number


def uri_of(user: str, address: str, port: int, transport: str = "udp") -> str:
    """Write the URI of a phone; the user's special characters are escaped."""
    try:
        name = quote(user, safe=USER_SAFE) + "@" if user else ""
    except UnicodeEncodeError:
        raise SipError("the user holds what UTF-8 cannot carry") from None
    kind = ";transport=tcp" if transport == "tcp" else ""
    return f"sip:{name}{bracketed(address)}:{port}{kind}"


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def same_address(one: str, other: str) -> bool:
    """Compare as addresses, so that ::1 is 0:0:0:0:0:0:0:1 and ::ffff:10.0.0.1 is 10.0.0.1."""
    return one == other or plain(one) == plain(other)


def plain(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)
