"""wtmp: a file of C structs (utmp(5)), turned over by logrotate.

x86-64 keeps the 32-bit times of old (384 bytes a record); aarch64 and riscv64 have 64-bit ones
(400 bytes).
"""

from __future__ import annotations

import glob
import gzip
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

from agent import moments

SMALL = struct.Struct("<h2xi32s4s32s256shhiii16s20x")
LARGE = struct.Struct("<h2xi32s4s32s256shhqqq16s24x")
RUN_LEVEL, BOOT, USER, DEAD = 1, 2, 7, 8
FILES = "/var/log/wtmp*"
MOST = 8000  # records of a file: its newest
MOST_READ = 16 << 20

Event = dict[str, Any]


class Record(NamedTuple):
    kind: int
    pid: int
    line: str
    user: str
    host: str
    session: int
    at: float
    address: str


def read(pattern: str = FILES) -> list[Event]:
    """The events of all wtmp files, the oldest first."""
    records: list[Record] = []
    for path in glob.glob(pattern):
        with suppress(OSError, EOFError):
            records.extend(parse(content(Path(path))))
    return events(sorted(records, key=lambda record: record.at))


def stamp(pattern: str = FILES) -> tuple[tuple[str, int, float], ...]:
    """Changes whenever a file did."""
    found = []
    for path in sorted(glob.glob(pattern)):
        with suppress(OSError):
            stat = os.stat(path)
            found.append((path, stat.st_size, stat.st_mtime))
    return tuple(found)


def content(path: Path) -> bytes:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return bytes(file.read(MOST_READ))


def parse(data: bytes) -> Iterator[Record]:
    layout = layout_of(data)
    first = max(len(data) // layout.size - MOST, 0) * layout.size
    for at in range(first, len(data) - layout.size + 1, layout.size):
        kind, pid, line, _, user, host, _, _, session, seconds, micro, raw = layout.unpack_from(
            data, at
        )
        address = address_of(raw)
        time = seconds + micro / 1e6
        yield Record(kind, pid, text(line), text(user), text(host), session, time, address)


def layout_of(data: bytes) -> struct.Struct:
    """By what it holds: the type of each record is one of nine."""
    for layout in (SMALL, LARGE):
        kinds = (data[at : at + 2] for at in range(0, len(data), layout.size))
        if len(data) % layout.size == 0 and all(kind[0] < 10 and kind[1] == 0 for kind in kinds):
            return layout
    return SMALL


def events(records: Iterable[Record]) -> list[Event]:
    """Who came and went; who went is written with the terminal only, so that is remembered."""
    here: dict[str, Record] = {}
    found: list[Event] = []
    for record in records:
        if record.kind == USER and record.user:
            here[record.line] = record
            found.append(event(record, 21, f"{record.user} signed in at {record.line}", record))
        elif record.kind == DEAD and (came := here.pop(record.line, None)):
            found.append(event(record, 23, f"{came.user} signed out of {record.line}", came))
        elif record.kind == BOOT:
            here.clear()
            found.append(event(record, 12, f"The system started ({record.host})"))
        elif record.kind == RUN_LEVEL and record.user == "shutdown":
            found.append(event(record, 54, "The system is shutting down"))
    return found


def event(record: Record, number: int, message: str, who: Record | None = None) -> Event:
    at = moments.iso(record.at)
    if who and who.host:
        message += f" from {who.host}"
    return {
        "uid": f"{at}/{number}/{record.line[:12]}/{record.pid}"[:60],
        "at": at,
        "id": number,
        "source": "linux",
        "account": who.user[:200] if who else "",
        "session": (who.line if who else "")[:40],
        "address": who.address if who else "",
        "message": message,
    }


def text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "replace")


def address_of(raw: bytes) -> str:
    """IPv4 fills the first of the four words only."""
    if raw == bytes(16):
        return ""
    return str(ip_address(raw[:4] if raw[4:] == bytes(12) else raw))
