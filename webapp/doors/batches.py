"""A log in batches: a request puts an entry into memory and goes; one thread per process writes.

Nobody at a door waits for it. When the database is slow or away the queue holds what it can, then
the oldest entries go and are counted.
"""

import atexit
import logging
import os
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from typing import Generic, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

T = TypeVar("T")

QUEUE = 20_000
BATCH = 1_000
PAUSE = 0.25  # seconds that a batch may gather
LONGEST_PAUSE = 30.0  # between two tries while the database is away
LAST_WORDS = 5.0  # seconds the end of the process waits for the last batch


class Batches(ABC, Generic[T]):
    """`add` from any thread; `flush` writes what is there, for the end and for tests."""

    what = "entries"  # in the words of the log
    log = logging.getLogger("belldesk")

    def __init__(self, engine: Engine, queue: int = QUEUE) -> None:
        self._engine = engine
        self._entries: deque[T] = deque(maxlen=queue)
        self.dropped = 0
        self._start_afresh()

    def _start_afresh(self) -> None:
        """A process starts with an empty queue and no thread; threads do not survive a fork."""
        self._entries.clear()
        self._writing = threading.Lock()
        self._starting = threading.Lock()
        self._something = threading.Event()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._pid = os.getpid()

    def add(self, entry: T) -> None:
        self._awake()
        self._append(entry)
        self._wake()

    def _awake(self) -> None:
        if self._thread is None or self._pid != os.getpid():
            self._start()

    def _append(self, entry: T) -> None:
        if len(self._entries) == self._entries.maxlen:
            self.dropped += 1
        self._entries.append(entry)

    def _wake(self) -> None:
        if not self._something.is_set():
            self._something.set()

    def _start(self) -> None:
        with self._starting:
            if self._pid != os.getpid():
                self._engine.dispose(close=False)
                self._start_afresh()
            if self._thread is None:
                name = f"{self.what}-log"
                self._thread = threading.Thread(target=self._work, name=name, daemon=True)
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
                self.log.warning(
                    "%s are not logged, next try in %.1f s: %s", self.what, pause, error
                )
                self._something.set()

    def flush(self) -> None:
        """Write all that is queued; raise what the database says, keeping what was not written."""
        with self._writing:
            while batch := self._take():
                self._write(batch)
            self._after()
        self._tell()

    @abstractmethod
    def write(self, batch: list[T]) -> None: ...

    def _after(self) -> None:
        """What belongs to a flush besides."""

    def _take(self) -> list[T]:
        batch: list[T] = []
        while self._entries and len(batch) < BATCH:
            batch.append(self._entries.popleft())
        return batch

    def _write(self, batch: list[T]) -> None:
        try:
            self.write(batch)
        except (OperationalError, InterfaceError):
            self._put_back(batch)
            raise
        except SQLAlchemyError:
            if len(batch) == 1:
                self.log.exception(
                    "one of the %s cannot be logged: %s", self.what, self.name(batch[0])
                )
                return
            middle = len(batch) // 2  # one bad row must not take a thousand good ones with it
            self._write(batch[:middle])
            self._write(batch[middle:])

    def name(self, entry: T) -> str:
        """Who it is from, in the words of the log."""
        return type(entry).__name__

    def _put_back(self, batch: list[T]) -> None:
        room = (self._entries.maxlen or 0) - len(self._entries)
        kept = batch[-room:] if room > 0 else []
        self.dropped += len(batch) - len(kept)
        self._entries.extendleft(reversed(kept))

    def _tell(self) -> None:
        if self.dropped:
            dropped, self.dropped = self.dropped, 0
            self.log.warning(
                "%d %s were not logged: more came than could be written", dropped, self.what
            )

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
            self.log.warning("%d %s were not logged: %s", len(self._entries), self.what, error)
