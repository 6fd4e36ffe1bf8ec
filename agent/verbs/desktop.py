"""What every desktop tells of a window."""

from __future__ import annotations

from typing import NamedTuple


class Window(NamedTuple):
    number: int
    title: str
    pid: int | None
    kind: str = ""  # what the program calls itself, when its process is not known
