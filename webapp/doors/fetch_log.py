"""The log of fetches: what phones asked for, what each took last, and who wants watching."""

import logging

from sqlalchemy import Engine

from webapp.doors.batches import LAST_WORDS, QUEUE, Batches
from webapp.doors.entry import Entry
from webapp.doors.flood import FloodGate
from webapp.doors.log_rows import LogRows
from webapp.doors.watch import Watch

ASKERS = 1_000

__all__ = ["LAST_WORDS", "QUEUE", "FetchLog"]


class FetchLog(Batches[Entry]):
    what = "fetches"
    log = logging.getLogger("belldesk.phones")

    def __init__(self, engine: Engine, queue: int = QUEUE) -> None:
        self.watch = Watch(engine)
        self._rows = LogRows(engine, self.watch)
        self._flood = FloodGate()
        self._askers: dict[str, Entry] = {}
        super().__init__(engine, queue)

    def _start_afresh(self) -> None:
        self._askers.clear()
        self.watch.start_afresh()
        super()._start_afresh()

    def add(self, entry: Entry) -> None:
        self._awake()
        if entry.reason or entry.away:
            self.watch.see(entry)
        if entry.reason and not self._flood.lets_in(entry.address):
            self._remember_asker(entry)
        else:
            self._append(entry)
        self._wake()

    def _remember_asker(self, entry: Entry) -> None:
        """A phone of 200 new ones behind one address is to be adopted, though it is not logged."""
        if entry.reason == "unknown_phone" and len(self._askers) < ASKERS:
            self._askers[entry.clues.mac] = entry._replace(row=False)

    def write(self, batch: list[Entry]) -> None:
        self._rows.write(batch)

    def name(self, entry: Entry) -> str:
        return entry.address

    def _after(self) -> None:
        self.watch.write()

    def _take(self) -> list[Entry]:
        batch = super()._take()
        while self._askers:
            batch.append(self._askers.popitem()[1])
        return batch

    def _tell(self) -> None:
        for address, count in self._flood.held_back():
            self.log.warning(
                "%d more refused requests of %s were not logged one by one", count, address
            )
        super()._tell()
