"""A little of the database kept in memory and read again every few seconds."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from webapp.doors.reader import UnavailableError

READ_EVERY = 3.0  # seconds
T = TypeVar("T")


class Reread(Generic[T]):
    def __init__(self, read: Callable[[], T], at_first: T) -> None:
        self._read, self._kept = read, at_first
        self._next = 0.0

    def now(self) -> T:
        """When the database does not answer it is what it was; who serves a phone will say so."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + READ_EVERY
            try:
                self._kept = self._read()
            except UnavailableError:
                return self._kept
        return self._kept

    def look_again(self) -> None:
        self._next = 0.0
