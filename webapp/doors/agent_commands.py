"""Commands on their way to agents: taken from the queue once, signed, and waited for."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select, update

from webapp.doors.agent_keys import command_mac
from webapp.doors.agent_lookup import StoredAgents
from webapp.doors.reader import UnavailableError
from webapp.extensions import utcnow
from webapp.models import Command

log = logging.getLogger("belldesk.agents")

LOOK = 0.3  # seconds between two looks for new commands, while anybody waits
BACK = 100  # numbers that are looked at again: transactions end in any order
MOST = 20  # commands of one answer


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def take(engine: Engine, computer_id: int, secret: bytes) -> list[dict[str, Any]]:
    """The computer's queued commands, each for one taker only."""
    now = utcnow()
    columns = (Command.id, Command.number, Command.verb, Command.params, Command.expires_at)
    waiting = (
        *(Command.computer_id == computer_id, Command.state == "queued"),
        Command.expires_at > now,
    )
    queued = Command.computer_id == computer_id, Command.state == "queued"
    over = *queued, Command.expires_at <= now
    taken = []
    with engine.begin() as connection:
        # Or what is over would count as waiting, and no wait be held any more.
        connection.execute(update(Command).where(*over).values(state="expired", ended_at=now))
        query = select(*columns).where(*waiting).order_by(Command.id).limit(MOST)
        for row in connection.execute(query).all():
            mine = (Command.id == row.id, Command.state == "queued")
            sent = update(Command).where(*mine).values(state="sent", sent_at=now)
            if connection.execute(sent).rowcount:
                taken.append(signed(row, secret))
    return taken


def signed(row: Any, secret: bytes) -> dict[str, Any]:
    expires = iso(row.expires_at)
    mac = command_mac(secret, row.number, row.verb, expires, row.params)
    return {
        "id": row.number,
        "verb": row.verb,
        "params": row.params,
        "expires": expires,
        "mac": mac,
    }


class Waiting:
    """Requests that are held until there is a command: one thread looks for all of them."""

    def __init__(self, lookup: StoredAgents, places: int) -> None:
        self._lookup = lookup
        self._places = places
        self._lock = threading.Lock()
        self._held: dict[int, set[threading.Event]] = defaultdict(set)
        self._count = 0
        self._thread: threading.Thread | None = None

    def hold(self, computer_id: int, seconds: float, is_there: Callable[[], bool]) -> bool:
        """Wait for a command of this computer; False at once when all places are taken.

        `is_there` looks once more when the place is taken: what came just before is not missed.
        """
        event = threading.Event()
        with self._lock:
            if self._count >= self._places:
                return False
            self._count += 1
            self._held[computer_id].add(event)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._look, name="commands", daemon=True)
                self._thread.start()
        try:
            if not is_there():
                event.wait(seconds)
        finally:
            with self._lock:
                self._count -= 1
                self._held[computer_id].discard(event)
                if not self._held[computer_id]:
                    del self._held[computer_id]
        return True

    def _look(self) -> None:
        """Until nobody waits any more."""
        last = 0
        while True:
            with self._lock:
                if not self._count:
                    self._thread = None
                    return
            try:
                found = self._lookup.fresh(max(0, last - BACK))
            except UnavailableError as error:
                log.warning("commands cannot be looked for: %s", error)
                found = []
            last = max([last, *(number for number, _ in found)])
            with self._lock:
                for _, computer_id in found:
                    for event in self._held.get(computer_id, ()):
                        event.set()
            time.sleep(LOOK)
