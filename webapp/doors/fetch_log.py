"""The log of fetches: a request puts a row into memory and goes; one thread per process writes.

A phone never waits for the log. When the database is slow or away the queue holds what it can, then
the oldest rows go and are counted.
"""

import atexit
import logging
import os
import threading
import time
from collections import deque

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from webapp.doors.entry import Entry
from webapp.doors.flood import FloodGate
from webapp.doors.log_rows import LogRows
from webapp.doors.watch import Watch

log = logging.getLogger("belldesk.phones")

QUEUE = 20_000
BATCH = 1_000
PAUSE = 0.25  # seconds that a batch may gather
LONGEST_PAUSE = 30.0  # between two tries while the database is away
LAST_WORDS = 5.0  # seconds the end of the process waits for the last batch
ASKERS = 1_000


class FetchLog:
    """`add` from any thread; `flush` writes what is there, for the end and for tests."""

    def __init__(self, engine: Engine, queue: int = QUEUE) -> None:
        self._engine = engine
        self.watch = Watch(engine)
        self._rows = LogRows(engine, self.watch)
        self._flood = FloodGate()
        self._entries: deque[Entry] = deque(maxlen=queue)
        self._askers: dict[str, Entry] = {}
        self.dropped = 0
        self._start_afresh()

    def _start_afresh(self) -> None:
        """A process starts with an empty queue and no thread; threads do not survive a fork."""
        self._entries.clear()
        self._askers.clear()
        self.watch.start_afresh()
        self._writing = threading.Lock()
        self._starting = threading.Lock()
        self._something = threading.Event()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._pid = os.getpid()

    def add(self, entry: Entry) -> None:
        if self._thread is None or self._pid != os.getpid():
            self._start()
        if entry.reason or entry.away:
            self.watch.see(entry)
        if entry.reason and not self._flood.lets_in(entry.address):
            self._remember_asker(entry)
        else:
            if len(self._entries) == self._entries.maxlen:
                self.dropped += 1
            self._entries.append(entry)
        if not self._something.is_set():
            self._something.set()

    def _remember_asker(self, entry: Entry) -> None:
        """A phone of 200 new ones behind one address is to be adopted, though it is not logged."""
        if entry.reason == "unknown_phone" and len(self._askers) < ASKERS:
            self._askers[entry.clues.mac] = entry._replace(row=False)

    def _start(self) -> None:
        with self._starting:
            if self._pid != os.getpid():
                self._engine.dispose(close=False)
                self._start_afresh()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="fetch-log", daemon=True)
                self._thread.start()
                atexit.register(self.close)

    def _work(self) -> None:
        pause = PAUSE
        while not self._closing:
            self._something.wait()
            time.sleep(pause)
            self._something.clear()
            try:
                self.flush()
                pause = PAUSE
            except SQLAlchemyError as error:
                pause = min(pause * 2, LONGEST_PAUSE)
                log.warning("fetches are not logged, next try in %.1f s: %s", pause, error)
                self._something.set()

    def flush(self) -> None:
        """Write all that is queued; raise what the database says, keeping what was not written."""
        with self._writing:
            while batch := self._take():
                self._write(batch)
            self.watch.write()
        self._tell()

    def _take(self) -> list[Entry]:
        batch: list[Entry] = []
        while self._entries and len(batch) < BATCH:
            batch.append(self._entries.popleft())
        while self._askers:
            batch.append(self._askers.popitem()[1])
        return batch

    def _write(self, batch: list[Entry]) -> None:
        try:
            self._rows.write(batch)
        except (OperationalError, InterfaceError):
            self._put_back(batch)
            raise
        except SQLAlchemyError:
            if len(batch) == 1:
                log.exception("a fetch of %s cannot be logged", batch[0].address)
                return
            middle = len(batch) // 2  # one bad row must not take a thousand good ones with it
            self._write(batch[:middle])
            self._write(batch[middle:])

    def _put_back(self, batch: list[Entry]) -> None:
        room = (self._entries.maxlen or 0) - len(self._entries)
        kept = batch[-room:] if room > 0 else []
        self.dropped += len(batch) - len(kept)
        self._entries.extendleft(reversed(kept))

    def _tell(self) -> None:
        for address, count in self._flood.held_back():
            log.warning("%d more refused requests of %s were not logged one by one", count, address)
        if self.dropped:
            dropped, self.dropped = self.dropped, 0
            log.warning("%d fetches were not logged: more came than could be written", dropped)

    def close(self) -> None:
        """Write the last rows; what the database does not take within some seconds is lost."""
        if self._pid != os.getpid() or self._thread is None:
            return
        atexit.unregister(self.close)
        self._closing = True
        self._something.set()
        last = threading.Thread(target=self._last_words, daemon=True)
        last.start()
        last.join(LAST_WORDS)
        self._thread = None

    def _last_words(self) -> None:
        try:
            self.flush()
        except SQLAlchemyError as error:
            log.warning("%d fetches were not logged: %s", len(self._entries), error)
