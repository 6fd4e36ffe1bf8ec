"""What a part of the bench reports: ratios against a peer measured in the same run."""

import shutil
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """`limit` is the least that `value` must be, or the most if `at_most`; None: to be known."""

    name: str
    value: float
    limit: float | None = None
    at_most: bool = False
    note: str = ""
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        if self.limit is None:
            return True
        return self.value <= self.limit if self.at_most else self.value >= self.limit


class MissingError(Exception):
    """A program this part needs is not installed here; the message names it."""


def need(*programs: str) -> None:
    missing = [name for name in programs if find(name) is None]
    if missing:
        raise MissingError(f"needs {', '.join(missing)}")


def find(program: str) -> str | None:
    """Find a program also where Debian keeps daemons."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin")
