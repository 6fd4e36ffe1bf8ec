"""One request is always kept open, so that a command arrives the moment it is given."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from agent import jitter
from agent.client import Client
from agent.errors import DeskError

log = logging.getLogger("agent")

WAIT = "/agent/v1/wait"
TIMEOUT = 40.0  # the desk holds it for 25 s
SHORTEST_PAUSE, LONGEST_PAUSE = 5.0, 300.0


class Waiter:
    def __init__(
        self, client: Client, take: Callable[[list[dict[str, Any]]], None], stop: threading.Event
    ) -> None:
        self._client, self._take, self._stop = client, take, stop
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            # A daemon: a request held open must not hold up the end of the agent.
            self._thread = threading.Thread(target=self._run, name="wait", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._thread.join(0.2)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                self._ask()
                failures = 0
            except DeskError as error:
                failures += 1
                log.debug("waiting: %s", error)
                self._stop.wait(jitter.pause(failures, 10.0, LONGEST_PAUSE))
            except Exception:  # a thread that dies would leave the desk without control
                log.exception("waiting failed")
                self._stop.wait(LONGEST_PAUSE)

    def _ask(self) -> None:
        began = time.monotonic()
        answer = self._client.post(WAIT, {"v": 1}, TIMEOUT)
        found, retry = answer.get("commands"), answer.get("retry")
        if isinstance(found, list) and found:
            self._take([row for row in found if isinstance(row, dict)])
        elif isinstance(retry, (int, float)):  # too many wait already
            self._stop.wait(jitter.around(min(max(retry, 1.0), LONGEST_PAUSE)))
        elif time.monotonic() - began < 1:  # a desk that holds nothing
            self._stop.wait(jitter.around(SHORTEST_PAUSE))
