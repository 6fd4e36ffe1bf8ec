"""TFTP on the wire: RFC 1350, and the options of RFC 2347, 2348, 2349 and 7440.

Nothing here knows about sockets; what cannot be read raises `Malformed`.
"""

import struct
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

RRQ, WRQ, DATA, ACK, ERROR, OACK = range(1, 7)

NOT_DEFINED, NOT_FOUND, ACCESS_VIOLATION, _DISK_FULL, ILLEGAL, UNKNOWN_TID = range(6)

BLOCK_SIZE = 512
MAX_REQUEST = 512  # RFC 2347: "the maximum size of a request packet is 512 octets"
BLOCK_SIZES = range(8, 65465)
TIMEOUTS = range(1, 256)
MAX_WINDOW = 64
MAX_WINDOW_BYTES = 128 * 1024  # more than this overruns a client's default receive buffer
MAX_DIGITS = 10  # of an option's value; int() of thousands of digits costs real time

MODES = ("octet", "netascii")

AGREED = ("blksize", "timeout", "windowsize")

_HEADER = struct.Struct("!HH")
READY = 256  # blocks of which head and acknowledgement lie ready: no phone's own file has more
DATA_HEADS = [_HEADER.pack(DATA, number) for number in range(READY)]
ACKS = [_HEADER.pack(ACK, number) for number in range(READY)]


class Malformed(Exception):  # noqa: N818 - a word about the packet, not about the program
    """A read request that RFC 1350 does not describe."""


class TftpRequest(NamedTuple):
    file: str  # as asked for, untouched: "../x" and all
    address: str  # an IPv4 client of a dual-stack server is seen as IPv4
    port: int
    mode: str  # "octet" or "netascii"
    options: Mapping[str, str]


class Terms(NamedTuple):
    """What client and server agreed on; `accepted` goes into the OACK, empty means no OACK."""

    block_size: int
    window: int
    timeout: int | None
    accepted: Mapping[str, int]


def opcode(datagram: bytes) -> int:
    """Return 0 for what is too short to have one."""
    return int.from_bytes(datagram[:2], "big") if len(datagram) >= 2 else 0


def parse_request(datagram: bytes, address: str, port: int) -> TftpRequest:
    if len(datagram) > MAX_REQUEST:
        raise Malformed("longer than 512 octets")
    name, _, rest = datagram[2:].partition(b"\0")
    if not name:
        raise Malformed("no file name")
    mode, options = _mode_and_options(rest)
    return TftpRequest(_text(name), address, port, mode, options)


@lru_cache(maxsize=256)  # the phones of a site ask for different files in the same words
def _mode_and_options(rest: bytes) -> tuple[str, Mapping[str, str]]:
    fields = rest.split(b"\0")
    if len(fields) < 2:
        raise Malformed("no mode or no final NUL")
    mode = _text(fields[0]).lower()
    if mode not in MODES:
        raise Malformed("neither octet nor netascii")
    return mode, MappingProxyType(_options(fields[1:-1]))


def _options(fields: list[bytes]) -> dict[str, str]:
    """Pair names with values; the NULs with which some phones pad a request pair up to nothing."""
    pairs = zip(fields[::2], fields[1::2], strict=False)
    options: dict[str, str] = {}
    for name, value in pairs:
        if name:
            options.setdefault(_text(name).lower(), _text(value))
    return options


def _text(raw: bytes) -> str:
    # Never surrogates: a name goes on into logs and databases, which refuse them.
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def negotiate(request: TftpRequest, size: int) -> Terms:
    """Agree to what can be read and kept; RFC 2347 wants the rest left out of the OACK."""
    if not request.options:
        return DEFAULT_TERMS
    # The size that netascii makes of a file is not the size the client will have (RFC 2349
    # speaks of octets), so like tftpd-hpa we do not promise one.
    tells_size = _number(request.options.get("tsize", "")) >= 0 and request.mode == "octet"
    return _terms(*map(request.options.get, AGREED), size if tells_size else None)


@lru_cache(maxsize=256)
def _terms(blksize: str | None, timeout: str | None, window: str | None, size: int | None) -> Terms:
    accepted: dict[str, int] = {}
    blocks, seconds, in_a_row = (_number(text or "") for text in (blksize, timeout, window))
    if blocks >= BLOCK_SIZES.start:
        accepted["blksize"] = min(blocks, BLOCK_SIZES[-1])
    if seconds in TIMEOUTS:
        accepted["timeout"] = seconds
    if size is not None:
        accepted["tsize"] = size
    if in_a_row >= 1:
        room = MAX_WINDOW_BYTES // accepted.get("blksize", BLOCK_SIZE)
        accepted["windowsize"] = min(in_a_row, MAX_WINDOW, room)
    return Terms(
        accepted.get("blksize", BLOCK_SIZE),
        accepted.get("windowsize", 1),
        accepted.get("timeout"),
        accepted,
    )


def _number(text: str) -> int:
    # isdecimal() alone is true of Arabic digits, which int() reads and no phone means.
    if len(text) <= MAX_DIGITS and text.isascii() and text.isdecimal():
        return int(text)
    return -1


def netascii(body: bytes) -> bytes:
    """RFC 764: a line ends in CR LF, and a CR that is only a CR is followed by NUL."""
    return body.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")


def data_head(number: int) -> bytes:
    return DATA_HEADS[number] if number < READY else _HEADER.pack(DATA, number & 0xFFFF)


def ack(number: int) -> bytes:
    return ACKS[number] if number < READY else _HEADER.pack(ACK, number & 0xFFFF)


def error(code: int, words: str) -> bytes:
    return _HEADER.pack(ERROR, code) + words.encode() + b"\0"


def oack(accepted: Mapping[str, int]) -> bytes:
    options = b"".join(b"%s\0%d\0" % (name.encode(), value) for name, value in accepted.items())
    return OACK.to_bytes(2, "big") + options


def error_words(datagram: bytes) -> str:
    """Read the words of a client's ERROR packet, made safe to log and short."""
    words = _text(datagram[4:].split(b"\0")[0])[:80]
    return "".join(letter if letter.isprintable() else "?" for letter in words)


DEFAULT_TERMS = Terms(BLOCK_SIZE, 1, None, {})

# One refusal for whatever cause, so that it tells a stranger nothing.
FILE_NOT_FOUND = error(NOT_FOUND, "File not found")
READ_ONLY = error(ACCESS_VIOLATION, "Access violation")
ILLEGAL_OPERATION = error(ILLEGAL, "Illegal TFTP operation")
NO_SUCH_TRANSFER = error(UNKNOWN_TID, "Unknown transfer ID")
