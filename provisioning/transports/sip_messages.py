"""SIP on the wire: as much of RFC 3261 as reaching a desk phone needs.

Reading is lenient where phones are sloppy (bare line feeds, folded and compact headers), writing is
strict: what could end a header early is refused. Whatever is wrong raises `SipError`.
Content-Length belongs to the wire: it is counted when writing and never among `headers`.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from provisioning.transports.sip_fields import SipError, split

__all__ = ["Message", "Request", "Response", "SipError", "build", "parse", "take"]

VERSION = "SIP/2.0"
MAX_MESSAGE = 65535
MAX_HEAD = 32 * 1024
MAX_LINE = 8192
MAX_HEADERS = 128

Headers = tuple[tuple[str, str], ...]

# RFC 3261, section 7.3.3, and the registered ones of later RFCs
COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
}
NEEDED = ("Via", "From", "To", "Call-ID", "CSeq")
ONCE = frozenset(name.lower() for name in (*NEEDED[1:], "Max-Forwards", "Event"))
KNOWN = (
    *NEEDED,
    *COMPACT.values(),
    *("Accept", "Allow", "Authorization", "Expires", "Max-Forwards", "Proxy-Authenticate"),
    *("Proxy-Authorization", "Subscription-State", "User-Agent", "WWW-Authenticate"),
)
NAMES = {name.lower(): name for name in KNOWN} | COMPACT

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!-~]+", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(r"\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
_CSEQ = re.compile(r"([0-9]{1,10})[ \t]+(\S+)", re.ASCII)
_STATUS = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?", re.ASCII | re.IGNORECASE)


class Message:
    """What requests and responses share; header names are asked for in any case."""

    __slots__ = ()
    headers: Headers
    body: bytes

    def all(self, name: str) -> list[str]:
        """Return the value of every line of this name, as it was written."""
        wanted = name.lower()
        return [value for known, value in self.headers if known.lower() == wanted]

    def first(self, name: str) -> str:
        """Return "" where there is none."""
        wanted = name.lower()
        return next((value for known, value in self.headers if known.lower() == wanted), "")

    def values(self, name: str) -> list[str]:
        """Return each of several values, on one line or on several (not for challenges)."""
        return [part for line in self.all(name) for part in split(line, ",") if part]

    def vias(self) -> list[str]:
        """Return the path of the message, the last step first; there is at least one."""
        found = self.values("Via")
        if not found:
            raise SipError("Via is empty")
        return found

    def cseq(self) -> "CSeq":
        found = _CSEQ.fullmatch(self.first("CSeq"))
        if not found:
            raise SipError("CSeq is not a number and a method")
        return CSeq(int(found[1]), found[2].upper())


class CSeq(NamedTuple):
    number: int
    method: str


@dataclass(frozen=True, slots=True)
class Request(Message):
    method: str
    uri: str
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response(Message):
    code: int
    reason: str
    headers: Headers
    body: bytes = b""


def build(message: Request | Response) -> bytes:
    """Refuse, naming the field, whatever would read as something else than it is."""
    lines = [_start_line(message)]
    for name, value in message.headers:
        if not _TOKEN.fullmatch(name):
            raise SipError("“%(name)s” is not the name of a header", name=name[:40])
        if name.lower() in ("content-length", "l"):
            raise SipError("Content-Length is counted, not given")
        lines.append(f"{name}: {clean(name, value)}")
    lines.append(f"Content-Length: {len(message.body)}\r\n\r\n")
    try:
        return "\r\n".join(lines).encode() + message.body
    except UnicodeEncodeError:
        raise SipError("a header holds what UTF-8 cannot carry") from None


def _start_line(message: Request | Response) -> str:
    if isinstance(message, Response):
        if not 100 <= message.code <= 699:
            raise SipError("%(code)s is not a status", code=message.code)
        return f"{VERSION} {message.code} {clean('Reason-Phrase', message.reason)}"
    if not _TOKEN.fullmatch(message.method):
        raise SipError("“%(method)s” is not a method", method=message.method[:40])
    if not _URI.fullmatch(message.uri):
        raise SipError("“%(uri)s” in Request-URI is not a URI", uri=message.uri[:80])
    return f"{message.method} {message.uri} {VERSION}"


def clean(field: str, value: str) -> str:
    if _CONTROL.search(value):
        raise SipError("%(field)s holds a line break or a control character", field=field)
    return value


def parse(datagram: bytes) -> Request | Response:
    """Read one message that fills a datagram; what follows its Content-Length is dropped."""
    message, length, rest = _head(datagram.lstrip(b"\r\n"))
    if length is None:
        length = len(rest)
    if length > len(rest):
        raise SipError("the body is shorter than its Content-Length")
    return _with_body(message, rest[:length])


def take(stream: bytes) -> tuple[Request | Response, int] | None:
    """Read one message from the start of a stream: it and its octets, or None until it is whole."""
    start = len(stream) - len(stream.lstrip(b"\r\n"))  # keep-alives (RFC 5626) go before it
    text = stream[start:]
    if not _BLANK_LINE.search(text):
        if len(text) > MAX_HEAD:
            raise SipError("the headers are too long")
        return None
    message, length, rest = _head(text)
    length = length or 0
    if length > len(rest):
        return None
    return _with_body(message, rest[:length]), len(stream) - len(rest) + length


def _head(text: bytes) -> tuple[Request | Response, int | None, bytes]:
    if len(text) > MAX_MESSAGE:
        raise SipError("the message is too long")
    end = _BLANK_LINE.search(text)
    if not end:
        raise SipError("the headers do not end")
    if end.start() > MAX_HEAD:
        raise SipError("the headers are too long")
    first, *lines = _LINE_END.split(_FOLD.sub(" ", _text(text[: end.start()])))
    if len(lines) > MAX_HEADERS:
        raise SipError("there are too many headers")
    headers, length = _headers(lines)
    return _started(first, headers), length, text[end.end() :]


def _text(raw: bytes) -> str:
    # Never surrogates: a header goes on into logs and databases, which refuse them.
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _headers(lines: list[str]) -> tuple[Headers, int | None]:
    headers: list[tuple[str, str]] = []
    seen: set[str] = set()
    length: int | None = None
    for line in lines:
        name, value = _header(line)
        key = name.lower()
        if key == "content-length":
            if not _NUMBER.fullmatch(value) or length not in (None, int(value)):
                raise SipError("Content-Length is not one number")
            length = int(value)
            continue
        if key in seen and key in ONCE:
            raise SipError("%(name)s is there twice", name=name)
        seen.add(key)
        headers.append((name, value))
    for name in NEEDED:
        if name.lower() not in seen:
            raise SipError("%(name)s is missing", name=name)
    if length is not None and length > MAX_MESSAGE:
        raise SipError("the body is too long")
    return tuple(headers), length


def _header(line: str) -> tuple[str, str]:
    if len(line) > MAX_LINE:
        raise SipError("a header is too long")
    name, colon, value = line.partition(":")
    name = name.rstrip(" \t")
    if not colon or not _TOKEN.fullmatch(name):
        raise SipError("“%(line)s” is not a header", line=line[:40])
    return NAMES.get(name.lower(), name), clean(name, value.strip(" \t"))


def _started(line: str, headers: Headers) -> Request | Response:
    clean("the first line", line)
    if found := _STATUS.fullmatch(line):
        return Response(int(found[1]), found[2] or "", headers)
    method, _, rest = line.partition(" ")
    uri, _, version = rest.partition(" ")
    if version.rstrip(" ").upper() != VERSION:
        raise SipError("“%(line)s” does not begin a SIP message", line=line[:40])
    if not _TOKEN.fullmatch(method) or not _URI.fullmatch(uri):
        raise SipError("“%(line)s” does not begin a request", line=line[:40])
    return Request(method, uri, headers)


def _with_body(message: Request | Response, body: bytes) -> Request | Response:
    if isinstance(message, Request):
        return Request(message.method, message.uri, message.headers, body)
    return Response(message.code, message.reason, message.headers, body)
