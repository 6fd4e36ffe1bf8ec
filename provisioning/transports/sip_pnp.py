"""SIP PnP: a new phone asks the group 224.0.1.75 where its configuration is, and is told.

A phone asks a few times within some five seconds after its start, so this listens all the time.
"""

import logging
import selectors
import socket
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from provisioning.transports.sip_fields import SipError, parse_via
from provisioning.transports.sip_messages import MAX_MESSAGE, Request, Response, parse
from provisioning.transports.sip_sockets import Memberships, bound, group_door, local_towards
from provisioning.transports.sip_subscribe import (
    PnpRequest,
    Replies,
    read_subscribe,
    readable,
    reply_to,
)

__all__ = ["GRANDSTREAM_PORT", "GROUP", "PORT", "Limits", "PnpRequest", "Responder"]

log = logging.getLogger(__name__)

GROUP, PORT = "224.0.1.75", 5060
GRANDSTREAM_PORT = 5080
REMEMBER = 32.0  # seconds: 64 T1, in which a SUBSCRIBE may be repeated (RFC 3261, 17.1.2)
REPEATS = (0.5, 1.5, 3.5)  # seconds after which a NOTIFY without an answer is sent again
TICK, IDLE = 0.1, 0.5  # seconds between looks at the clock, with and without a NOTIFY to repeat
READS_A_TURN = 64

Answer = Callable[[PnpRequest], str | None]
Peer = tuple[str, int]


class Limits(NamedTuple):
    """Packets taken in `window` seconds; the rest is dropped without a word."""

    per_address: int = 30
    over_all: int = 2000
    window: float = 10.0
    remembered: int = 4096


@dataclass(slots=True)
class Told:
    """What a SUBSCRIBE was answered with; None is silence."""

    peer: Peer
    replies: Replies | None
    at: float
    repeated: int = 0
    heard: bool = False

    def due(self) -> float:
        if self.heard or not self.replies or self.repeated >= len(REPEATS):
            return float("inf")
        return self.at + REPEATS[self.repeated]


class Responder:
    """Answer SUBSCRIBEs for `ua-profile` with the URL that `answer` returns, or not at all.

    `answer` is called in the loop, once for each SUBSCRIBE however often it is repeated; None, and
    any exception, is silence. A `host` that is no group is listened to without joining anything.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        host: str = GROUP,
        ports: tuple[int, ...] = (PORT,),
        rescan: float = 30.0,
        limits: Limits | None = None,
    ) -> None:
        self._answer, self._limits, self._rescan = answer, limits or Limits(), rescan
        self._told: OrderedDict[tuple[str, ...], Told] = OrderedDict()
        self._notifies: dict[str, Told] = {}
        self._taken: Counter[str] = Counter()
        self._window_ends = 0.0
        self._is_group = 224 <= socket.inet_aton(host)[0] <= 239
        self._memberships = Memberships(host) if self._is_group else None
        self._doors: list[socket.socket] = []
        self.interfaces: list[str] = []
        self._stopping = threading.Event()
        self._voice = bound(socket.AF_INET, "", 0)
        try:
            for port in ports:
                opened = (
                    group_door(host, port) if self._is_group else bound(socket.AF_INET, host, port)
                )
                self._doors.append(opened)
        except BaseException:
            self._close()
            raise
        self._scan(time.monotonic())
        self.ports = [int(door.getsockname()[1]) for door in self._doors]

    def stop(self) -> None:
        """End `serve` soon; may be called from a signal handler or another thread."""
        self._stopping.set()

    def serve(self, stop: threading.Event | None = None) -> None:
        """Answer until `stop` is set or stop() is called; cannot be started again."""
        with selectors.DefaultSelector() as selector:
            for sock in (*self._doors, self._voice):
                selector.register(sock, selectors.EVENT_READ)
            try:
                while not (self._stopping.is_set() or (stop and stop.is_set())):
                    self._keep_house(time.monotonic())
                    for key, _ in selector.select(TICK if self._notifies else IDLE):
                        hear = self._hear_answer if key.fileobj is self._voice else self._hear
                        self._read(key.fileobj, hear)  # type: ignore[arg-type]  # all are sockets
            finally:
                self._close()

    def _close(self) -> None:
        for sock in (*self._doors, self._voice):
            sock.close()
        if self._memberships:
            self._memberships.close()

    def _read(self, sock: socket.socket, hear: Callable[[bytes, Peer], None]) -> None:
        for _ in range(READS_A_TURN):
            try:
                datagram, peer = sock.recvfrom(MAX_MESSAGE)
            except BlockingIOError:
                return
            except OSError as refusal:  # ICMP about an earlier answer
                log.debug("receiving SIP PnP: %s", refusal)
                continue
            if not peer[1] or not self._has_room(peer[0]):
                continue
            try:
                hear(datagram, peer)
            except SipError as reason:
                log.debug("SIP PnP: malformed, from %s: %s", peer[0], reason)

    def _has_room(self, address: str) -> bool:
        if self._taken.total() >= self._limits.over_all:
            return False
        self._taken[address] += 1
        return self._taken[address] <= self._limits.per_address

    def _hear(self, datagram: bytes, peer: Peer) -> None:
        request = parse(datagram)
        if not isinstance(request, Request):
            return
        # RFC 3261, section 17.2.3: what makes a request a repetition, and who sent it.
        branch = parse_via(request.vias()[0]).params.get("branch", "")
        key = (*map(str, peer), branch, request.first("Call-ID"), request.first("CSeq"))
        told = self._told.get(key)
        if told is None:
            asked = read_subscribe(request, peer[0])
            if asked is None:
                return
            told = self._tell(request, asked, peer)
            self._remember(key, told)
        self._say(told)

    def _tell(self, request: Request, asked: PnpRequest, peer: Peer) -> Told:
        now = time.monotonic()
        url = self._ask(asked)
        if url is None:
            return Told(peer, None, now)
        try:
            here = (local_towards(peer[0]), int(self._voice.getsockname()[1]))
            return Told(peer, reply_to(request, peer, here, url), now)
        except OSError as refusal:
            log.debug("SIP PnP: no way to %s: %s", peer[0], refusal)
            return Told(peer, None, now)

    def _ask(self, asked: PnpRequest) -> str | None:
        try:
            url = self._answer(asked)
            return None if url is None else readable(url)
        except Exception:  # the loop must survive whatever the host's code does
            log.exception("SIP PnP: answering %s at %s", asked.mac or asked.user, asked.address)
            return None

    def _remember(self, key: tuple[str, ...], told: Told) -> None:
        self._told[key] = told
        if told.replies:
            self._notifies[told.replies.branch] = told
        while len(self._told) > self._limits.remembered:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, told = self._told.popitem(last=False)
        if told.replies:
            self._notifies.pop(told.replies.branch, None)

    def _say(self, told: Told) -> None:
        if told.replies:
            self._send(told.replies.accepted, told.peer)
            self._send(told.replies.notify, (told.peer[0], told.replies.port))

    def _send(self, message: bytes, peer: Peer) -> None:
        with suppress(OSError):  # no way back: the phone asks again
            self._voice.sendto(message, peer)

    def _hear_answer(self, datagram: bytes, peer: Peer) -> None:
        response = parse(datagram)
        if isinstance(response, Response) and response.code >= 200:
            branch = parse_via(response.vias()[0]).params.get("branch", "")
            told = self._notifies.get(branch)
            if told and told.peer[0] == peer[0]:
                told.heard = True

    def _keep_house(self, now: float) -> None:
        if now >= self._window_ends:
            self._taken.clear()
            self._window_ends = now + self._limits.window
        if now >= self._next_scan:
            self._scan(now)
        while self._told and next(iter(self._told.values())).at < now - REMEMBER:
            self._forget_oldest()
        self._repeat(now)

    def _scan(self, now: float) -> None:
        self._next_scan = now + self._rescan
        if self._memberships:
            self.interfaces = self._memberships.refresh()

    def _repeat(self, now: float) -> None:
        for branch, told in list(self._notifies.items()):
            if told.due() <= now and told.replies:
                told.repeated += 1
                self._send(told.replies.notify, (told.peer[0], told.replies.port))
            if told.due() == float("inf"):
                del self._notifies[branch]
