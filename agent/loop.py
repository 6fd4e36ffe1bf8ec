"""The rhythm: a beat each period, full facts when they change, and what was missed when offline."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from typing import Any

from agent import jitter, moments, signing, survey
from agent.client import Client
from agent.commands import Commands
from agent.errors import DeskError, RefusedError
from agent.session_log import SessionLog
from agent.state import State
from agent.waiting import Waiter

log = logging.getLogger("agent")

REPORT = "/agent/v1/report"
PERIOD = 60.0
SHORTEST, LONGEST = 1.0, 3600.0
WATCHED = 10.0  # seconds, while somebody looks at this computer
FACTS_EACH, FACTS_AT_LEAST = 600.0, 3600.0
LONGEST_PAUSE, LONGEST_REFUSED = 300.0, 900.0
AT_ONCE = 500  # beats of the past, and events, in one message

Message = dict[str, Any]


class Loop:
    def __init__(self, state: State, session_log: SessionLog | None = None) -> None:
        self.state, kept = state, state.agent()
        secret = signing.from_base64(kept["secret"])
        self.client = Client(kept["url"], kept["agent"], secret, kept.get("certificate", ""))
        self._log = session_log or SessionLog()
        self._stop, self._wake = threading.Event(), threading.Event()
        self.commands = Commands(state, secret, self.client.now, self._wake.set)
        self._waiter = Waiter(self.client, self.commands.take, self._stop)
        self._boot, self._seq, self._failures = secrets.token_hex(16), 0, 0
        self._period, self._watched, self._more = PERIOD, False, False
        self._facts: Message = {}
        self._facts_at = self._sent_at = self._next_try = float("-inf")
        self._sent_digest = ""
        self._since: str | None = None
        self._knows_since = False

    @property
    def is_offline(self) -> bool:
        return self._failures > 0

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()

    def run(self) -> None:
        """Report until `stop`; then end what is under way and tell the last results."""
        try:
            while not self._stop.is_set():
                self._wake.clear()
                self._survive_turn()
                self._sleep()
        finally:
            self.commands.stop()
            self._waiter.stop()
        if self.commands.results() and not self._failures:
            self.turn()

    def _survive_turn(self) -> None:
        try:
            self.turn()
        except Exception:  # a full disk, say: the next beat may go through
            log.exception("a report failed")

    def _sleep(self) -> None:
        if self._failures:  # results wait as well: a desk that is down gets no storm
            self._stop.wait(self._beat_pause())
        else:
            self._wake.wait(jitter.soon() if self._more else self._beat_pause())

    def _beat_pause(self) -> float:
        period = min(self._period, WATCHED) if self._watched else self._period
        return jitter.around(period)

    def turn(self) -> None:
        """Take a beat and send it, or keep it for later."""
        at, beat = self.client.now(), survey.beat(self.client.host, self.client.port)
        if time.monotonic() < self._next_try:
            self.state.past.add({"at": moments.iso(at), "beat": beat})
            return
        message, lines = self.message(at, beat)
        try:
            answer = self.client.post(REPORT, message)
        except DeskError as error:
            self._failed(error)
            self.state.past.add({"at": message["at"], "beat": beat})
        else:
            self._sent(message, lines, answer)

    def message(self, at: float, beat: Message) -> tuple[Message, int]:
        """The report, and how many lines of the past it takes along."""
        self._seq += 1
        digest = self._look_at_facts()
        message: Message = {
            "v": 1,
            "seq": self._seq,
            "boot": self._boot,
            "at": moments.iso(at),
            "beat": beat,
            "facts_sha256": digest,
        }
        is_old = time.monotonic() - self._sent_at > FACTS_AT_LEAST
        if digest != self._sent_digest or is_old:
            message["facts"] = self._facts
        past, lines = self.state.past.oldest(AT_ONCE)
        events = self._log.after(self._since, AT_ONCE) if self._knows_since else []
        for name, rows in (
            ("past", past),
            ("events", events),
            ("results", self.commands.results()),
        ):
            if rows:
                message[name] = rows
        return message, lines

    def _look_at_facts(self) -> str:
        if time.monotonic() - self._facts_at > FACTS_EACH:
            self._facts, self._facts_at = survey.full(), time.monotonic()
        return survey.digest(self._facts)

    def _sent(self, message: Message, lines: int, answer: Message) -> None:
        if self._failures:
            log.info("the desk answers again")
        self._failures, self._next_try = 0, float("-inf")
        if lines:
            self.state.past.drop(lines)
        if "facts" in message:
            self._sent_digest, self._sent_at = message["facts_sha256"], time.monotonic()
        self.commands.told(message.get("results", []))
        self._log.told(message.get("events", []))
        before = self._since, self._knows_since
        self._obey(answer)
        # Only where this message brought the desk on: else its next answer would be the same.
        wants_facts = self._sent_digest == "" and "facts" not in message
        has_events = (self._since, True) != before and self._log.has_more
        self._more = bool(self.state.past.count or wants_facts or has_events)
        self.commands.take(rows(answer.get("commands")))
        self._waiter.start()

    def _obey(self, answer: Message) -> None:
        try:
            self._period = min(max(float(answer.get("period", PERIOD)), SHORTEST), LONGEST)
        except (TypeError, ValueError):
            self._period = PERIOD
        self._watched = answer.get("watch") is True
        if answer.get("facts") is True:
            self._sent_digest = ""
        since = answer.get("events_since")
        self._since, self._knows_since = (since if isinstance(since, str) else None), True

    def _failed(self, error: DeskError) -> None:
        self._failures += 1
        longest = LONGEST_REFUSED if isinstance(error, RefusedError) else LONGEST_PAUSE
        wait = jitter.pause(self._failures, self._period, longest)
        self._next_try = time.monotonic() + wait
        level = logging.WARNING if self._failures == 1 else logging.INFO
        log.log(level, "%s Next try in %.0f s.", error, wait)


def rows(value: object) -> list[Message]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
