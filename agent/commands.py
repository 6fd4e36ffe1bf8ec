"""What the desk asks: judged, carried out beside the reports, and told of at once.

A command is carried out only if the desk signed it, it has not expired, its number is new and its
verb is known. There is no verb that runs a shell.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from agent import moments, signing, verbs
from agent.state import State

log = logging.getLogger("agent")

AT_ONCE = 4
MOST_RESULTS = 50
LONGEST_RESULT = 600_000  # bytes of JSON
MOST_BYTES = 2_000_000  # of all that wait
KEEP_SEEN = 3600.0  # seconds after a command expired: a late copy is refused as expired anyway

Command = dict[str, Any]
Result = dict[str, Any]


class Commands:
    """`now` tells the desk's time; `done` is called when there is a result to send."""

    def __init__(
        self, state: State, secret: bytes, now: Callable[[], float], done: Callable[[], None]
    ) -> None:
        self._state, self._secret, self._now, self._done = state, secret, now, done
        kept = state.progress()
        self._seen: dict[str, float] = dict(kept.get("seen", {}))
        self._results: list[Result] = list(kept.get("results", []))
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="command")

    def take(self, commands: list[Command]) -> None:
        for command in commands:
            if self._stop.is_set():
                return
            number = str(command.get("id", ""))[:64]
            if reason := self._judge(command, number):
                log.warning("refused command %s: %s", number, reason)
                self._keep(number, "refused", {"error": reason})
            else:
                self._pool.submit(self._carry_out, number, command)

    def results(self) -> list[Result]:
        """Those that the desk was not told of yet, oldest first."""
        with self._guard:
            return list(self._results)

    def told(self, results: list[Result]) -> None:
        with self._guard:
            self._results = [row for row in self._results if row not in results]
            self._save()

    def stop(self) -> None:
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _judge(self, command: Command, number: str) -> str:
        """Why it is not carried out; empty when it is, and then its number is used up."""
        try:
            verb, params = str(command["verb"]), command.get("params") or {}
            expires = str(command["expires"])
            mac = signing.command_mac(self._secret, number, verb, expires, params)
            if not signing.same(mac, str(command["mac"])):
                return "forged: the desk did not sign this"
            until = moments.seconds(expires)
        except (KeyError, ValueError):
            return "forged: this is no command"
        if until < self._now():
            return "expired"
        if verb not in verbs.KNOWN:
            return f"unknown verb: {verb[:40]}"
        return "" if self._is_new(number, until) else "seen: this number was carried out before"

    def _is_new(self, number: str, until: float) -> bool:
        with self._guard:
            if number in self._seen:
                return False
            horizon = self._now() - KEEP_SEEN
            self._seen = {key: at for key, at in self._seen.items() if at > horizon}
            self._seen[number] = until
            self._save()  # before it is carried out: a crash must not do it twice
            return True

    def _carry_out(self, number: str, command: Command) -> None:
        verb, params = command["verb"], command.get("params") or {}
        log.info("command %s: %s", number, verb)
        try:
            result = bounded(verbs.KNOWN[verb](params, self._stop))
        except verbs.RefusedVerbError as error:
            self._keep(number, "refused", {"error": str(error)})
        except verbs.VerbError as error:
            self._keep(number, "failed", {"error": str(error)})
        except Exception as error:  # the agent must survive whatever a PC does
            log.exception("command %s failed", number)
            self._keep(number, "failed", {"error": f"{type(error).__name__}: {error}"[:300]})
        else:
            self._keep(number, "done", result)

    def _keep(self, number: str, state: str, result: dict[str, Any]) -> None:
        at = moments.iso(self._now())
        with self._guard:
            self._results.append({"command": number, "state": state, "result": result, "at": at})
            self._results = newest(self._results)
            self._save()
        self._done()

    def _save(self) -> None:
        self._state.update_progress({"seen": self._seen, "results": self._results})


def newest(results: list[Result]) -> list[Result]:
    """What may wait for the desk: it must fit into one message, and into little memory."""
    kept: list[Result] = []
    size = 0
    for row in reversed(results[-MOST_RESULTS:]):
        size += len(signing.canonical(row))
        if kept and size > MOST_BYTES:
            break
        kept.insert(0, row)
    return kept


def bounded(result: dict[str, Any]) -> dict[str, Any]:
    """Halve the longest list until the whole can travel, and say that it was cut."""
    while len(signing.canonical(result)) > LONGEST_RESULT:
        name = max(result, key=lambda key: len(signing.canonical(result[key])))
        if not isinstance(result[name], list):
            raise verbs.VerbError("The result is too long to be sent.")
        result = {**result, name: result[name][: len(result[name]) // 2], "cut": True}
    return result
