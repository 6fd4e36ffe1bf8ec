"""One request, as it waits in memory to be logged."""

import re
from datetime import UTC, datetime
from typing import NamedTuple, Self

from provisioning.answer import Request, Stored, Verdict
from provisioning.identify import Clues

NOT_MODIFIED = 304
LONGEST_PATH = 2000  # looked at
KEY = re.compile(r"(?<![\w-])[\w-]{32}(?![\w-])", re.ASCII)  # as long as token_urlsafe(24) makes it


class Entry(NamedTuple):
    """One request as it will be logged; the key is here as its digest only."""

    at: datetime
    transport: str
    method: str
    file: str
    address: str
    user_agent: str
    status: int
    reason: str
    sent: int
    clues: Clues
    key_digest: str
    phone_id: int | None
    site_id: int | None
    revision_id: int | None
    sha256: str | None
    proof: str = ""
    pin: str = ""  # the network that this fetch pins the phone to
    closes: str = ""  # until when the window would have run that this fetch ends
    away: bool = False
    row: bool = True  # False: a flood's, of interest only as a phone that nobody has entered
    evidence: tuple[tuple[str, str], ...] = ()  # what else tells what the phone is: Stray.clues

    @classmethod
    def of(
        cls,
        request: Request,
        clues: Clues,
        verdict: Verdict,
        *,
        method: str,
        status: int,
        sent: int,
    ) -> Self:
        stored = verdict.stored
        served = stored if verdict.served else None
        took = method == "GET" and (sent > 0 or status == NOT_MODIFIED)
        return cls(
            datetime.now(UTC),
            request.transport,
            method,
            request.file,
            request.address,
            request.user_agent,
            status,
            verdict.reason,
            sent,
            clues,
            verdict.key_digest,
            stored.phone_id if stored else None,
            stored.site_id if stored else None,
            served.revision_id if served else None,
            served.sha256 if served else None,
            verdict.proof,
            verdict.pin if took else "",
            window_of(stored) if took and verdict.closes else "",
            verdict.away,
        )


def window_of(stored: Stored | None) -> str:
    return stored.armed_until.isoformat() if stored and stored.armed_until else ""


def clean_file(text: str) -> str:
    """As it may be kept: a phone that was told its address wrongly asks for `/p/<key>/…` as a file,
    over TFTP as well, and a key stands in no log."""
    return clean(KEY.sub("•••", text[:LONGEST_PATH]), 120)


def clean(text: str, most: int) -> str:
    """Cut to the column, and keep out what a database or a terminal cannot take."""
    text = text[:most]
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
