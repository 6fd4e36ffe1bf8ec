"""The fetch log of a process that serves in one loop: a child process writes the rows.

A thread beside such a loop takes the interpreter from it in the middle of transfers, hundreds of
times a second; that cost more than the writing itself.
"""

import logging
import marshal
import os
import signal
import socket
import sys
import time
from collections import deque
from datetime import UTC, datetime
from itertools import islice
from typing import NoReturn, Protocol

from provisioning.identify import Clues
from webapp.doors.entry import Entry
from webapp.doors.fetch_log import LAST_WORDS, QUEUE, FetchLog

log = logging.getLogger("belldesk.phones")

TOGETHER = 64  # entries of a message
LONGEST_MESSAGE = 1 << 20  # octets; an entry has far less than 4 KB
AT, CLUES = Entry._fields.index("at"), Entry._fields.index("clues")


class Log(Protocol):
    """What a door asks of the fetch log."""

    def add(self, entry: Entry) -> None: ...


def log_beside(fetch_log: FetchLog) -> "LogWriter | None":
    """Give the log to a child; call it before there are threads and sockets for it to inherit."""
    if sys.platform != "linux":  # fork, and sockets that keep messages apart
        return None
    ours, childs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        write_until_closed(childs, fetch_log)
    childs.close()
    return LogWriter(ours, pid, fetch_log)


class LogWriter:
    """The parent's end. It never waits; when the child is gone, this process writes by itself."""

    def __init__(self, sock: socket.socket, pid: int, fetch_log: FetchLog) -> None:
        sock.setblocking(False)
        self._sock, self.pid, self._fetch_log = sock, pid, fetch_log
        self._waiting: deque[Entry] = deque(maxlen=QUEUE)
        self._alone = False
        self._dropped = 0

    def add(self, entry: Entry) -> None:
        if self._alone:
            self._fetch_log.add(entry)
            return
        if len(self._waiting) == QUEUE:
            self._dropped += 1
        self._waiting.append(entry)
        if len(self._waiting) % TOGETHER == 0:
            self.flush()

    def flush(self) -> None:
        """Hand on what has gathered; the loop calls it where no more comes."""
        while self._waiting and not self._alone:
            count = min(TOGETHER, len(self._waiting))
            message = marshal.dumps([packed(entry) for entry in islice(self._waiting, count)])
            try:
                self._sock.send(message)
            except (BlockingIOError, InterruptedError):
                return  # the child is behind: the next call tries again
            except OSError as error:
                self._go_on_alone(error)
                return
            for _ in range(count):
                self._waiting.popleft()
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            log.warning("%d fetches were not logged: more came than could be written", dropped)

    def _go_on_alone(self, error: OSError) -> None:
        log.error("the writer of the fetch log has died (%s): from now on a thread writes", error)
        self._alone = True
        while self._waiting:
            self._fetch_log.add(self._waiting.popleft())

    def close(self) -> None:
        """Hand on the last entries and wait, not for ever, until the child has written them."""
        end = time.monotonic() + 2 * LAST_WORDS
        self.flush()
        while self._waiting and time.monotonic() < end:
            time.sleep(0.01)
            self.flush()
        self._sock.close()
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() >= end:
                log.warning("the fetch log is still being written by process %d", self.pid)
                break
            time.sleep(0.005)
        self._fetch_log.close()


def packed(entry: Entry) -> list[object]:
    """Of plain values only: pickle would cost ten times as much."""
    values: list[object] = list(entry)
    values[AT], values[CLUES] = entry.at.timestamp(), tuple(entry.clues)
    return values


def unpacked(values: list[object]) -> Entry:
    at, clues = values[AT], values[CLUES]
    values[AT] = datetime.fromtimestamp(at, UTC)  # type: ignore[arg-type]
    values[CLUES] = Clues._make(clues)  # type: ignore[arg-type]
    return Entry._make(values)


def write_until_closed(sock: socket.socket, fetch_log: FetchLog) -> NoReturn:
    """The child. It ends when its parent has closed, or died: whoever stops both stops it so."""
    code = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        while message := sock.recv(LONGEST_MESSAGE):
            for values in marshal.loads(message):  # noqa: S302 - our parent's, of a moment ago
                fetch_log.add(unpacked(values))
        fetch_log.close()
        code = 0
    except Exception:  # into the log, as nothing outlives _exit; the parent goes on with a thread
        log.exception("the writer of the fetch log ends")
    finally:
        os._exit(code)
