"""Failures are counted, never requests, and by what they are: a customer's address with a hundred
good phones behind it may make any number of requests.

What a customer's own phones do wrong does not count: files that are not theirs, a key that was
replaced, a phone that has no file yet.

Over TFTP a stranger may write any address as his own: what comes so is counted apart and told, but
bans nobody, or he could have a customer banned.
"""

import threading
import time
from collections import Counter, OrderedDict
from typing import Literal, NamedTuple

from webapp.doors.entry import Entry
from webapp.doors.flood import source

GUESSES = 200  # wrong keys or passwords in ten minutes
NEIGHBOURS = 16  # addresses close to each other in an hour, of phones that are not here
STRANGERS = 100  # the same anywhere
REFUSED = 100  # phones that are here, but not for this network or at this time; in a day
TEN_MINUTES, AN_HOUR, A_DAY = 600.0, 3600.0, 86400.0
MOST_SOURCES = 5_000
MOST_MACS = 10_000  # remembered of one source; what else it asks for counts each time
ALL_MACS = 200_000  # of all sources: some 20 MB

GUESSED = frozenset({"wrong_key", "wrong_password", "wrong_certificate", "not_allowed"})
MISSED = GUESSED | {"unknown_phone"}
NOT_HERE = frozenset({"closed_window", "other_network"})


class Offence(NamedTuple):
    """A source went over a limit; `entry` is the request that did it."""

    kind: Literal["walk", "ban", "tftp"]
    source: str
    failures: int
    entry: Entry


class Record:
    """What one source did. A MAC counts once a day: phones that wait to be entered ask for ever."""

    __slots__ = ("blocks", "day", "guesses", "hour", "macs", "refused", "ten_minutes")

    def __init__(self) -> None:
        self.ten_minutes = self.hour = self.day = 0.0
        self.guesses = self.refused = 0
        self.blocks: Counter[int] = Counter()
        self.macs: set[int] = set()

    def turn(self, now: float) -> None:
        if now >= self.ten_minutes:
            self.ten_minutes, self.guesses = now + TEN_MINUTES, 0
        if now >= self.hour:
            self.hour = now + AN_HOUR
            self.blocks.clear()
        if now >= self.day:
            self.day, self.refused = now + A_DAY, 0
            self.macs.clear()

    def guessed(self) -> int:
        self.guesses += 1
        return self.over(self.guesses, GUESSES)

    def asked_for(self, mac: str, here: bool) -> int:
        """Return how many it asked for when that is over a limit, else 0."""
        number = int(mac, 16)
        if number in self.macs:
            return 0
        if len(self.macs) < MOST_MACS:
            self.macs.add(number)
        if here:
            self.refused += 1
            return self.over(self.refused, REFUSED)
        near = 0
        for block in around(number):
            self.blocks[block] += 1
            near = max(near, self.blocks[block])
        return self.over(near, NEIGHBOURS) or self.over(self.blocks.total() // 2, STRANGERS)

    def over(self, count: int, limit: int) -> int:
        if count < limit:
            return 0
        self.guesses = self.refused = 0
        self.blocks.clear()
        return count


def around(number: int) -> tuple[int, int]:
    """The two blocks of 256 addresses that this one is in: 128 in a row share one of them."""
    return number >> 8 << 1, (number + 128) >> 8 << 1 | 1


class Failures:
    """Of this process: with several, a source may do so much at each of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: OrderedDict[tuple[str, bool], Record] = OrderedDict()
        self._macs = 0

    def count(self, entry: Entry) -> list[Offence]:
        if entry.reason not in MISSED and entry.reason not in NOT_HERE:
            return []
        name, mac, forgeable = source(entry.address), entry.clues.mac, entry.transport == "tftp"
        with self._lock:
            record = self._record((name, forgeable))
            before = len(record.macs)
            record.turn(time.monotonic())
            guesses = record.guessed() if entry.reason in GUESSED else 0
            macs = record.asked_for(mac, entry.reason in NOT_HERE) if mac else 0
            self._macs += len(record.macs) - before
            self._forget_the_oldest()
        if forgeable and (macs or guesses):
            return [Offence("tftp", name, macs or guesses, entry)]
        if macs:
            return [Offence("walk", name, macs, entry)]
        return [Offence("ban", name, guesses, entry)] if guesses else []

    def _record(self, key: tuple[str, bool]) -> Record:
        record = self._records.setdefault(key, Record())
        self._records.move_to_end(key)
        return record

    def _forget_the_oldest(self) -> None:
        while len(self._records) > MOST_SOURCES or self._macs > ALL_MACS:
            self._macs -= len(self._records.popitem(last=False)[1].macs)
