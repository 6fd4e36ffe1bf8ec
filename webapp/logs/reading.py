"""The log files of a site's own TFTP and FTP servers, read from their ends."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from provisioning.errors import N_, ProvisioningError

TAIL = 64 * 1024
FTP_TAIL = 256 * 1024
LONGEST = 5000  # a path has at most 4096; more would only feed the pattern's backtracking

# xferlog(5), as wu-ftpd, vsftpd and ProFTPD write it. The file's name may hold blanks; what stands
# left and right of it cannot.
XFER = re.compile(
    r"(?:\w{3} )?(?P<when>\w{3} +\d{1,2} \d\d:\d\d:\d\d \d{4}) (?P<seconds>\d+) (?P<address>\S+)"
    r" (?P<size>\d+) (?P<file>.+) [ab] \S+ (?P<direction>[oid]) [agr] .+ \S+ [01] \S+"
    r"(?: (?P<completion>[ci]))?",
    re.ASCII,
)
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class LogFileError(ProvisioningError):
    """A log file cannot be shown."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """One line of an xferlog; of a damaged one only `raw` is known.

    `action` is download, upload, search (asked for and got nothing) or "" (unspecified).
    """

    raw: str
    when: datetime | None = None
    address: str = ""
    file: str = ""
    size: int = 0
    action: str = ""


def tail(path: Path, size: int = TAIL) -> list[str]:
    """Return the last lines of the file, newest at the end, safe to show.

    Raises LogFileError when there is no such file or it cannot be read.
    """
    try:
        data, cut = last_bytes(path, size)
    except FileNotFoundError:
        raise LogFileError(N_("Log file not found: %(path)s"), path=str(path)) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise LogFileError(
            N_("The log file %(path)s cannot be read: %(why)s"), path=str(path), why=reason
        ) from None
    lines = data.decode("utf-8", "replace").splitlines()
    return [printable(line) for line in (lines[1:] if cut and len(lines) > 1 else lines)]


def last_bytes(path: Path, size: int) -> tuple[bytes, bool]:
    """Neither a device nor a pipe is read: it might never end."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise OSError(0, "not a regular file")
        start = max(0, about.st_size - size)
        file.seek(start)
        return file.read(size), start > 0


def printable(line: str) -> str:
    """Binary junk becomes a sign for it; tabs become blanks."""
    line = line.replace("\t", "    ")
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def transfers(path: Path) -> list[Transfer]:
    """Return the last transfers of an xferlog, newest first; raise LogFileError as `tail` does."""
    return list(parsed(tail(path, FTP_TAIL)))[::-1]


def parsed(lines: list[str]) -> Iterator[Transfer]:
    for line in lines:
        if line.strip():
            yield transfer(line.strip())


def transfer(line: str) -> Transfer:
    found = XFER.fullmatch(line) if len(line) <= LONGEST else None
    moment = moment_of(found["when"]) if found else None
    if found is None or moment is None:
        return Transfer(line)
    size = int(found["size"][:18])
    return Transfer(line, moment, found["address"], found["file"], size, action(found, size))


def action(found: re.Match[str], size: int) -> str:
    """vsftpd logs a request for a file that is not there as an incomplete download of 0 bytes."""
    if found["direction"] == "i":
        return "upload"
    if found["direction"] == "o":
        return "search" if found["completion"] == "i" and size == 0 else "download"
    return ""


def moment_of(text: str) -> datetime | None:
    """Read "Sep  4 20:57:10 2003", the server's local time, whatever our own locale is."""
    month, day, clock, year = text.split()
    if month not in MONTHS:
        return None
    try:
        hour, minute, second = map(int, clock.split(":"))
        return datetime(int(year), MONTHS.index(month) + 1, int(day), hour, minute, second)
    except ValueError:
        return None
