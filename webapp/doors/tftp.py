"""The phones' door over TFTP: the same phones, the same log; the address is the proof."""

import logging
import threading
from collections import OrderedDict

from flask import Flask

from provisioning.answer import Request, Verdict
from provisioning.identify import Clues
from provisioning.transports.tftp import Outcome, Server, TftpRequest
from webapp.config import Config
from webapp.doors import phones_door
from webapp.doors.entry import Entry
from webapp.doors.judge import Judge
from webapp.doors.log_writer import Log, LogWriter, log_beside
from webapp.doors.reader import UnavailableError
from webapp.secretbox import SecretBox, SecretBoxError

log = logging.getLogger("belldesk.phones")

WENT_AWAY = 499  # as nginx says it: the phone did not take the whole file
MOST_RUNNING = 4096

Judged = tuple[Request, Clues, Verdict]


class TftpDoor:
    """What provisioning.transports.tftp.Server asks and tells; both run in its loop."""

    def __init__(self, judge: Judge, box: SecretBox, fetch_log: Log) -> None:
        self._judge, self._box, self._fetch_log = judge, box, fetch_log
        self._running: OrderedDict[tuple[str, int], Judged] = OrderedDict()

    def answer(self, asked: TftpRequest) -> bytes | None:
        request = Request(asked.file, asked.address, transport="tftp")
        try:
            clues, verdict = self.judge(request)
            body = self.body(verdict)
        except (UnavailableError, SecretBoxError) as error:
            log.error("a phone cannot be served: %s", error)
            return None
        if body is None:
            self._fetch_log.add(Entry.of(request, clues, verdict, method="GET", status=404, sent=0))
        else:
            self._remember(asked, (request, clues, verdict))
        return body

    def judge(self, request: Request) -> tuple[Clues, Verdict]:
        return self._judge.verdict(request)

    def body(self, verdict: Verdict) -> bytes | None:
        stored = verdict.stored
        return self._box.unpack(stored.body) if stored and verdict.served else None

    def _remember(self, asked: TftpRequest, judged: Judged) -> None:
        """Keep it until `done` hears how it ended; a transfer that did not begin never ends."""
        self._running[asked.address, asked.port] = judged
        if len(self._running) > MOST_RUNNING:
            self._running.popitem(last=False)

    def done(self, asked: TftpRequest, outcome: Outcome) -> None:
        judged = self._running.pop((asked.address, asked.port), None)
        if judged is None:
            return
        status = 200 if outcome.complete else WENT_AWAY
        self._fetch_log.add(Entry.of(*judged, method="GET", status=status, sent=outcome.sent))


def tftp_door(app: Flask, writer: LogWriter | None = None) -> TftpDoor:
    door = phones_door(app)
    return TftpDoor(door.judge, door.box, writer or door.fetch_log)


def tftp_server(app: Flask, writer: LogWriter | None = None) -> Server:
    """Open the port; without a writer a thread beside the server writes the log."""
    config: Config = app.extensions["belldesk"]
    door = tftp_door(app, writer)
    sweep = writer.flush if writer else None
    host, port = config.tftp_host, config.tftp_port
    return Server(door.answer, host, port, on_done=door.done, on_sweep=sweep)


def run_tftp(app: Flask, stop: threading.Event | None = None) -> None:
    """Serve phones until `stop` is set; then write what the log still holds."""
    door = phones_door(app)
    writer = log_beside(door.fetch_log)
    try:
        server = tftp_server(app, writer)
        log.info("TFTP for phones on port %d", server.port)
        server.serve(stop)
    finally:
        if writer:
            writer.close()
        door.close()
