"""What `quser` prints: its head, states and dates follow the language, its columns do not."""

from __future__ import annotations

import re
from typing import NamedTuple

# ">" marks the own session; a disconnected one has no name.
LINE = re.compile(r"[ >](?P<name>\S.*?)\s{2,}(?:(?P<session>\S+)\s+)?(?P<number>\d+)\s{1,2}\S")


class Row(NamedTuple):
    name: str
    session: str
    number: str

    @property
    def is_console(self) -> bool:
        return self.session.lower() == "console"


def parse(text: str) -> list[Row]:
    """All sessions below the head line."""
    found = (LINE.match(line) for line in text.splitlines()[1:])
    return [Row(row["name"], row["session"] or "", row["number"]) for row in found if row]
