"""What the fetch log's thread tells people: bans and alerts, a few rows for any number of requests.

`see` is called at every request and writes nothing.
"""

import logging
import threading
from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from webapp.doors import door_alerts
from webapp.doors.bans import ban
from webapp.doors.door_alerts import Notice
from webapp.doors.entry import Entry
from webapp.doors.failures import Failures, Offence
from webapp.extensions import utcnow

log = logging.getLogger("belldesk.phones")

MOST_WAITING = 500  # notices that differ; what is more of them at once is one event


class Watch:
    """`on_ban` is called after this process has banned a source."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.on_ban: Callable[[], None] = lambda: None
        self.start_afresh()

    def start_afresh(self) -> None:
        self._failures = Failures()
        self._lock = threading.Lock()
        self._notices: dict[tuple[str, str], tuple[Notice, int]] = {}
        self._offences: list[Offence] = []

    def see(self, entry: Entry) -> None:
        if entry.transport == "pnp":  # a phone that works asks so too: see pnp_alerts
            return
        if entry.reason:
            self._offences += self._failures.count(entry)
        if notice := door_alerts.notice_of(entry):
            self.add(notice)

    def see_second_network(self, entry: Entry) -> None:
        self.add(door_alerts.second_network(entry))

    def add(self, notice: Notice, times: int = 1) -> None:
        key = notice.kind, notice.source
        with self._lock:
            before = self._notices.get(key)
            if before or len(self._notices) < MOST_WAITING:
                self._notices[key] = notice, times + (before[1] if before else 0)

    def write(self) -> None:
        """Write what was seen; what the database does not take now waits for the next time."""
        while self._offences:
            self._ban(self._offences[0])
            del self._offences[0]
        with self._lock:
            waiting, self._notices = self._notices, {}
        while waiting:
            key = next(iter(waiting))
            try:
                self._tell(*waiting[key])
            except BaseException:
                for notice, times in waiting.values():
                    self.add(notice, times)
                raise
            del waiting[key]

    def _ban(self, offence: Offence) -> None:
        if offence.kind == "tftp":
            self.add(door_alerts.over_tftp(offence))
            return
        try:
            with self._engine.begin() as connection:
                length = ban(connection, offence.source, utcnow())
        except IntegrityError:  # another process bans it in this very moment
            return
        if length is None:
            return
        log.warning("%s is banned for %s: %d failures", offence.source, length, offence.failures)
        self.on_ban()
        self.add(door_alerts.of_offence(offence, length))

    def _tell(self, notice: Notice, times: int) -> None:
        now = utcnow()
        try:
            with self._engine.begin() as connection:
                opened = door_alerts.write(connection, notice, times, now)
        except IntegrityError:  # the phone was deleted meanwhile
            plain = notice._replace(site_id=None, phone_id=None)
            with self._engine.begin() as connection:
                opened = door_alerts.write(connection, plain, times, now)
        if opened:
            with self._engine.begin() as connection:
                door_alerts.merge(connection, notice)
