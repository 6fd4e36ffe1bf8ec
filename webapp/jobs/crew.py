"""The pushes under way in this process: threads that talk to phones and never to the database.

What they hear is put into one queue; the worker's own thread empties it and writes.
"""

import logging
import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from provisioning.errors import N_
from provisioning.registry import Resync
from provisioning.transports import sip_exchange as sip
from provisioning.transports.push import Peer, Pushed, Step, http_push, ssh_push
from provisioning.transports.sip_notify import Notifier, Outcome, Target, Timers

log = logging.getLogger("belldesk.jobs")
THREADS = 50
MOST = 2000  # under way at once
TIMERS = Timers()

PUSHES: dict[str, Callable[..., Pushed]] = {
    "http-get": http_push,
    "http-push": http_push,
    "ssh": ssh_push,
}
STOPPED = N_("The worker was stopped before the phone had answered")
BROKEN = N_("An error in Belldesk (%(error)s); the worker's log has the details")
ACCEPTED = N_("%(address)s takes the NOTIFY (%(code)s)")
ANSWERS = {
    sip.NO_ANSWER: N_("%(address)s does not answer the NOTIFY"),
    sip.NOT_SENT: N_("The NOTIFY to %(address)s could not be sent (%(reason)s)"),
    sip.NO_CONNECTION: N_("%(address)s accepts no connection for the NOTIFY"),
    sip.CLOSED: N_("%(address)s closed the connection without an answer to the NOTIFY"),
    sip.NOT_SIP: N_("%(address)s does not answer in SIP"),
    sip.NO_ADDRESS: N_("%(address)s cannot be the address of one phone"),
    sip.NO_PASSWORD: N_("%(address)s wants a password for the NOTIFY, and its line has none"),
    sip.WRONG_PASSWORD: N_("%(address)s refuses the password of its first line"),
    sip.UNKNOWN_METHOD: N_("%(address)s wants a proof for the NOTIFY that is not supported"),
    sip.ELSEWHERE: N_("%(address)s points elsewhere (%(code)s), which is not followed"),
    sip.NO_SUCH_USER: N_("%(address)s does not know the user of its first line (404)"),
    sip.NO_SUCH_EVENT: N_("%(address)s does not know this event (%(code)s)"),
    sip.REFUSED: N_("%(address)s refuses the NOTIFY (%(code)s %(reason)s)"),
}
# Another NOTIFY to the same place would meet the same.
UNREACHED = frozenset({sip.NO_ANSWER, sip.NOT_SENT, sip.NO_CONNECTION, sip.NO_ADDRESS})


@dataclass(frozen=True, slots=True)
class Try:
    """One push to one phone; `number` is the row of its record."""

    number: int
    method: Resync
    target: Target | None = None
    peer: Peer | None = None
    body: bytes = field(default=b"", repr=False)
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """What is heard of a try. `pushed` is None while it goes on; `stopped`: it counts for nothing.

    `unreached`: nobody is there for this kind of push.
    """

    number: int
    message: str
    params: dict[str, object]
    pushed: Pushed | None = None
    stopped: bool = False
    unreached: bool = False


class Crew:
    def __init__(self) -> None:
        self._heard: SimpleQueue[Told] = SimpleQueue()
        self._pool: ThreadPoolExecutor | None = None
        self._notifiers: set[Notifier] = set()
        self._stopping = False

    def notify(self, tries: Sequence[Try]) -> None:
        """Send one NOTIFY each, by one loop in a thread of its own."""
        numbers = {one.number for one in tries}
        notifier = Notifier(timers=TIMERS, on_outcome=lambda outcome: self._hear(outcome, numbers))
        self._notifiers.add(notifier)
        targets = [one.target for one in tries if one.target]
        threading.Thread(
            target=self._run, args=(notifier, targets, numbers), name="notifier", daemon=True
        ).start()

    def push(self, one: Try) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS, "push")
        self._pool.submit(self._push, one)

    def heard(self, patience: float = 0.0) -> list[Told]:
        """Return what came in, and wait so long for something."""
        found: list[Told] = []
        try:
            found.append(self._heard.get(timeout=patience) if patience else self._heard.get(False))
            while True:
                found.append(self._heard.get(False))
        except Empty:
            return found

    def stop(self) -> None:
        """End what waits for answers at once, begin nothing more; pushes at hand go on."""
        self._stopping = True
        for notifier in list(self._notifiers):
            notifier.stop()

    def _run(self, notifier: Notifier, targets: Sequence[Target], numbers: set[int]) -> None:
        try:
            notifier.run(targets)
        except Exception as error:  # no phone's step may hang on what went wrong here
            log.error("a batch of NOTIFYs: %s", unquoted(error))
            for number in set(numbers):
                self._heard.put(broken(number, error))
        finally:
            self._notifiers.discard(notifier)

    def _hear(self, outcome: Outcome, numbers: set[int]) -> None:
        number = int(str(outcome.target.key))
        numbers.discard(number)
        self._heard.put(told(number, outcome))

    def _push(self, one: Try) -> None:
        if self._stopping or one.peer is None:
            self._heard.put(
                Told(one.number, STOPPED, {}, Pushed(False, STOPPED, {}, None, 0), True)
            )
            return
        try:
            pushed = PUSHES[one.method.method](
                one.peer, one.method, body=one.body, url=one.url, on_step=self._steps(one.number)
            )
        except Exception as error:  # a push may be anything; the words must not quote it
            log.error("a push to %s: %s", one.peer.address, unquoted(error))
            self._heard.put(broken(one.number, error))
        else:
            self._heard.put(Told(one.number, pushed.message, pushed.params, pushed))

    def _steps(self, number: int) -> Step:
        return lambda message, params: self._heard.put(Told(number, message, params))


def told(number: int, outcome: Outcome) -> Told:
    params: dict[str, object] = {"address": outcome.target.address}
    if outcome.code:
        params["code"] = outcome.code
    stopped = outcome.words == sip.STOPPED
    message = ACCEPTED if outcome.accepted else ANSWERS.get(outcome.words, STOPPED)
    if "%(reason)s" in message:
        params["reason"] = outcome.reason[:100]
    milliseconds = round(outcome.duration * 1000)
    pushed = Pushed(outcome.accepted, message, params, outcome.code or None, milliseconds)
    return Told(number, message, params, pushed, stopped, outcome.words in UNREACHED)


def unquoted(error: Exception) -> str:
    """What broke and where, not its words: a library may quote the password it was given."""
    return type(error).__name__ + "\n" + "".join(traceback.format_tb(error.__traceback__))


def broken(number: int, error: Exception) -> Told:
    params: dict[str, object] = {"error": type(error).__name__}
    return Told(number, BROKEN, params, Pushed(False, BROKEN, params, None, 0))
