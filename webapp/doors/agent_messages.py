"""What agents send, read strictly: every field has a kind and a length, whatever came.

A message is refused as a whole when its frame is wrong; a strange value inside of it is left out.
"""

import ipaddress
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from webapp.doors.presence import Beat

LONGEST = 1024 * 1024  # of a message as it is sent
UNPACKED = 8 * 1024 * 1024
MOST_PAST, MOST_EVENTS, MOST_RESULTS = 500, 2000, 100
MOST_SESSIONS, MOST_ADDRESSES = 50, 32
DEEPEST = 12
OLDEST = timedelta(days=400)
AHEAD = timedelta(minutes=5)
LARGEST = 2**31 - 1
KINDS = ("console", "remote")
SOURCES = ("windows", "linux", "macos")
ENDS = ("done", "failed", "refused")
DUMMIES = frozenset(
    {
        *("", "0", "none", "to be filled by o.e.m.", "default string", "system serial number"),
        *("not specified", "not applicable", "n/a", "unknown", "o.e.m.", "oem", "invalid"),
        *("chassis serial number", "123456789", "xxxxxxx", "empty"),
    }
)


class MessageError(Exception):
    """The sender has proved who it is, and what it says cannot be read."""


class Identity(NamedTuple):
    name: str
    serial: str
    uuid: str
    manufacturer: str
    model: str


class System(NamedTuple):
    system: str
    release: str
    os_name: str


class SessionLine(NamedTuple):
    uid: str
    source: str
    at: datetime
    event_id: int
    account: str
    address: str
    session: str
    message: str


class Result(NamedTuple):
    number: str
    state: str
    result: dict[str, Any]


class Facts(NamedTuple):
    """What a computer tells of itself; `whole` is kept as it is."""

    identity: Identity
    system: System
    whole: dict[str, Any]


class Report(NamedTuple):
    boot: str
    seq: int
    beat: Beat
    address: str  # the one that reaches the desk
    locked: bool | None
    booted_at: datetime | None
    facts: Facts | None
    facts_sha256: str
    past: list[Beat]
    events: list[SessionLine]
    results: list[Result]


class Enrolment(NamedTuple):
    nonce: str
    identity: Identity
    system: System
    version: str


def unpacked(body: bytes, encoding: str) -> bytes:
    """Undo gzip, but not a bomb."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise MessageError("Content-Encoding must be gzip or absent")
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = stream.decompress(body, UNPACKED)
    except zlib.error as error:
        raise MessageError("the body is no gzip") from error
    if not stream.eof or stream.unused_data:
        raise MessageError(f"the body is cut off, or larger than {UNPACKED} bytes")
    return plain


def read_json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise MessageError("the body is no JSON") from error
    if not isinstance(found, dict) or found.get("v") != 1:
        raise MessageError('the body must be an object with "v": 1')
    return found


def refuse(name: str) -> None:
    raise ValueError(name)


def report(message: dict[str, Any], now: datetime) -> Report:
    boot, seq = text(message.get("boot"), 32), message.get("seq")
    if not boot or type(seq) is not int or not 0 <= seq <= LARGEST:
        raise MessageError("boot and seq are missing")
    beat = record(message.get("beat"))
    addresses = list(addresses_of(beat))
    whole = message.get("facts")
    return Report(
        boot,
        seq,
        Beat(now, accounts_of(beat, now), named(one for one, _ in addresses)),
        next((one for one, reaches in addresses if reaches), addresses[0][0] if addresses else ""),
        flag(beat.get("locked")),
        moment(beat.get("booted_at"), now),
        facts(record(clean(whole))) if isinstance(whole, dict) else None,
        text(message.get("facts_sha256"), 64),
        list(past_of(message, now)),
        list(events_of(message, now)),
        list(results_of(message)),
    )


def enrolment(message: dict[str, Any]) -> Enrolment:
    return Enrolment(
        text(message.get("nonce"), 64),
        identity(record(message.get("identity"))),
        system(record(message.get("os"))),
        text(message.get("version"), 20),
    )


def facts(whole: dict[str, Any]) -> Facts:
    return Facts(identity(record(whole.get("identity"))), system(record(whole.get("os"))), whole)


def identity(values: dict[str, Any]) -> Identity:
    """A serial or uuid that thousands of boards share says nothing, and becomes ""."""
    serial = "".join(text(values.get("serial"), 100).upper().split(" "))
    spaced = text(values.get("serial"), 100)
    uuid = text(values.get("uuid"), 40).lower()
    dummy = spaced.lower() in DUMMIES or len(set(serial)) < 2
    no_uuid = uuid in DUMMIES or len(set(uuid.replace("-", ""))) < 3 or uuid.startswith("03000200")
    return Identity(
        text(values.get("name"), 100) or "?",
        "" if dummy else serial,
        "" if no_uuid else uuid,
        text(values.get("manufacturer"), 100),
        text(values.get("model"), 100),
    )


def system(values: dict[str, Any]) -> System:
    name = text(values.get("system"), 20)
    release = text(values.get("release"), 60)
    return System(name, release, text(values.get("name"), 120) or f"{name} {release}".strip())


def past_of(message: dict[str, Any], now: datetime) -> Iterator[Beat]:
    for item in rows(message.get("past"), MOST_PAST):
        at, beat = moment(item.get("at"), now), record(item.get("beat"))
        if at is not None and at < now:
            yield Beat(at, accounts_of(beat, at), named(one for one, _ in addresses_of(beat)))


def accounts_of(beat: dict[str, Any], now: datetime) -> dict[tuple[str, ...], datetime | None]:
    found: dict[tuple[str, ...], datetime | None] = {}
    for item in rows(beat.get("accounts"), MOST_SESSIONS):
        domain, name = account(text(item.get("domain"), 100), text(item.get("name"), 200))
        kind = item.get("kind") if item.get("kind") in KINDS else "console"
        if name:
            found[(domain, name, str(kind))] = moment(item.get("since"), now)
    return found


def account(domain: str, name: str) -> tuple[str, str]:
    r"""One account whichever way it is written: `user@acme.example`, `ACME\user`, `acme\User`."""
    if "\\" in name:
        domain, _, name = name.partition("\\")
    elif "@" in name:
        name, _, after = name.partition("@")
        domain = domain or after
    return domain.split(".")[0].upper().strip()[:100], name.lower().strip()[:100]


def addresses_of(beat: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    for item in rows(beat.get("addresses"), MOST_ADDRESSES):
        try:
            found = ipaddress.ip_address(text(item.get("address"), 60).partition("%")[0])
        except ValueError:
            continue
        if not (found.is_loopback or found.is_link_local or found.is_unspecified):
            yield str(found), item.get("reaches") is True


def named(addresses: Iterable[str]) -> dict[tuple[str, ...], datetime | None]:
    return {(one,): None for one in addresses}


def events_of(message: dict[str, Any], now: datetime) -> Iterator[SessionLine]:
    for item in rows(message.get("events"), MOST_EVENTS):
        uid, at, number = text(item.get("uid"), 60), moment(item.get("at"), now), item.get("id")
        source = item.get("source")
        if not uid or at is None or source not in SOURCES or type(number) is not int:
            continue
        if 0 <= number <= LARGEST:
            yield SessionLine(
                *(uid, str(source)[:8], at, number, text(item.get("account"), 200)),
                *(text(item.get("address"), 45), text(item.get("session"), 40)),
                text(item.get("message"), 2000),
            )


def results_of(message: dict[str, Any]) -> Iterator[Result]:
    for item in rows(message.get("results"), MOST_RESULTS):
        number, state = text(item.get("command"), 32), item.get("state")
        if number and state in ENDS:
            yield Result(number, str(state), record(clean(item.get("result"))))


def moment(value: object, now: datetime) -> datetime | None:
    """An ISO time in UTC that can be true: not ahead of `now`, not years ago."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        found = datetime.fromisoformat(value)
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    if found > now + AHEAD or found < now - OLDEST:
        return None
    return min(found, now)


def text(value: object, most: int) -> str:
    """One line of printable signs, as long as its column."""
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str):
        return ""
    return printable(" ".join(re.split(r"[\r\n\t]+", value[: 4 * most]))).strip()[:most]


def printable(value: str) -> str:
    """No NUL and no half of a surrogate pair: PostgreSQL takes neither."""
    if value.isprintable():
        return value
    return "".join(c for c in value if c.isprintable() or c in "\n\t")


def flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def record(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def rows(value: object, most: int) -> Iterator[dict[str, Any]]:
    for item in value[:most] if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item


def clean(value: Any, depth: int = 0) -> Any:
    """What may be kept as JSON, in any database."""
    if depth > DEEPEST:
        return None
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(key)[:200]: clean(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [clean(one, depth + 1) for one in value]
    if type(value) is int and abs(value) > 2**63:
        return None
    return value
