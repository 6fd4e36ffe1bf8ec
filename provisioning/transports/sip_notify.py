"""Tell phones by SIP NOTIFY to fetch their configuration: thousands at once, from one loop.

One UDP socket per address family serves all phones; TCP is a short connection per phone. Only the
targets' own addresses are contacted: no names are looked up, no redirect, Contact or Via is
followed, and an answer counts only from where its request went.
"""

import heapq
import ipaddress
import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

from provisioning.errors import N_
from provisioning.transports import sip_exchange as words
from provisioning.transports.sip_digest import Credentials
from provisioning.transports.sip_exchange import Exchange, Outcome, Sender, Target, Timers
from provisioning.transports.sip_fields import SipError, parse_via, same_address
from provisioning.transports.sip_messages import MAX_MESSAGE, Response, parse
from provisioning.transports.sip_pace import Pace
from provisioning.transports.sip_sockets import bound, local_towards
from provisioning.transports.sip_streams import Stream

__all__ = ["Credentials", "Notifier", "Outcome", "Target", "Timers"]

log = logging.getLogger(__name__)

SENDS_A_TURN = 64  # before the answers that came meanwhile are read
LONGEST_WAIT = 1.0

OnOutcome = Callable[[Outcome], None]


class Notifier:
    """Send one NOTIFY to each target; `run` returns when each has its outcome.

    `host` and `port` are what the UDP sockets are bound to, `user` and `domain` what From says.
    Rates of 0 are no limit; they pace the first NOTIFY to a phone, not RFC 3261's repetitions.
    `on_outcome` is called in the loop as each is known: it should be quick.
    """

    def __init__(
        self,
        *,
        host: str = "",
        port: int = 0,
        user: str = "belldesk",
        domain: str = "",
        per_second: float = 0,
        per_network: float = 0,
        max_waiting: int = 5000,
        max_connections: int = 50,
        timers: Timers | None = None,
        on_outcome: OnOutcome | None = None,
    ) -> None:
        self._host, self._port = host, port
        self._user, self._domain = user, domain
        self._rates = per_second, per_network
        self._max_waiting, self._max_connections = max_waiting, max_connections
        self._timers = timers or Timers()
        self._on_outcome = on_outcome
        self._stopping = threading.Event()
        self._alarm, self._bell = socket.socketpair()
        self._bell.setblocking(False)
        self._alarm.setblocking(False)

    def stop(self) -> None:
        """End `run` soon; may be called from a signal handler, a callback or another thread."""
        self._stopping.set()
        with suppress(OSError):
            self._bell.send(b"!")

    def run(self, targets: Iterable[Target]) -> list[Outcome]:
        """Return an outcome for each target, in the order in which they ended. Runs once."""
        self._begin(targets)
        try:
            while not self._stopping.is_set() and self._is_busy():
                self._turn()
            self._end_all()
        finally:
            self._close()
        return self._outcomes

    def _begin(self, targets: Iterable[Target]) -> None:
        now = time.monotonic()
        self._pace = Pace(targets, *self._rates, now)
        self._outcomes: list[Outcome] = []
        self._branches: dict[str, Exchange] = {}
        self._timetable: list[tuple[float, int, Exchange]] = []
        self._order = 0
        self._sockets: dict[int, socket.socket] = {}
        self._here: dict[str, str] = {}
        self._streams: dict[Exchange, Stream] = {}
        self._connecting: deque[Target] = deque()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._alarm, selectors.EVENT_READ)

    def _is_busy(self) -> bool:
        return bool(self._branches or self._connecting or self._pace.due() is not None)

    def _turn(self) -> None:
        self._send_due(time.monotonic())
        for key, events in self._selector.select(self._patience(time.monotonic())):
            if isinstance(key.data, Stream):
                self._serve_stream(key.data, events)
            elif key.fileobj is not self._alarm:
                self._read(key.fileobj)  # type: ignore[arg-type]  # sockets alone are registered
        self._fire(time.monotonic())

    def _patience(self, now: float) -> float:
        """Return how long nothing is due."""
        if not self._is_busy():
            return 0.0
        due = [now + LONGEST_WAIT]
        if self._timetable:
            due.append(self._timetable[0][0])
        start = self._pace.due()
        if start is not None and self._has_room():
            due.append(start)
        return max(0.0, min(due) - now)

    def _has_room(self) -> bool:
        return len(self._branches) + len(self._connecting) < self._max_waiting

    # Beginning

    def _send_due(self, now: float) -> None:
        for _ in range(SENDS_A_TURN):
            if not self._has_room():
                break
            target = self._pace.take(now)
            if target is None:
                break
            if target.transport == "tcp":
                self._connecting.append(target)
            else:
                self._start(target, now)
        while self._connecting and len(self._streams) < self._max_connections:
            self._start(self._connecting.popleft(), now)

    def _start(self, target: Target, now: float) -> None:
        try:
            family = family_of(target)
            if target.transport == "tcp":
                self._start_stream(target, family, now)
            else:
                sender = Sender(*self._place(target, family), self._user, self._domain)
                exchange = Exchange(target, sender, self._timers, now)
                self._follow(exchange, exchange.begin(now), now)
        except SipError as refusal:
            self._report(Outcome(target, 0, str(refusal), words.NO_ADDRESS, 0, 0.0))
        except OSError as refusal:
            self._report(Outcome(target, 0, said(refusal), words.NOT_SENT, 0, 0.0))

    def _place(self, target: Target, family: int) -> tuple[str, int]:
        """Return our own address as this phone should see it, and our port."""
        sock = self._socket(family)
        if target.address not in self._here:
            ours = str(sock.getsockname()[0])
            unsaid = ipaddress.ip_address(ours).is_unspecified
            self._here[target.address] = local_towards(target.address, family) if unsaid else ours
        return self._here[target.address], int(sock.getsockname()[1])

    def _socket(self, family: int) -> socket.socket:
        if family not in self._sockets:
            same_family = (":" in self._host) == (family == socket.AF_INET6)
            sock = bound(family, self._host if same_family else "", self._port)
            self._sockets[family] = sock
            self._selector.register(sock, selectors.EVENT_READ)
        return self._sockets[family]

    def _follow(self, exchange: Exchange, message: bytes, now: float) -> None:
        """Send a transaction's first request, and listen for its answer."""
        self._branches[exchange.branch] = exchange
        self._note(exchange)
        self._send(exchange, message, now)

    def _note(self, exchange: Exchange) -> None:
        self._order += 1
        heapq.heappush(self._timetable, (exchange.due, self._order, exchange))

    def _send(self, exchange: Exchange, message: bytes, now: float) -> None:
        if exchange in self._streams:
            self._streams[exchange].queue(message)
            return
        target = exchange.target
        try:
            self._socket(family_of(target)).sendto(message, (target.address, target.port))
        except BlockingIOError:
            pass  # a full buffer is a lost packet, and timer E sends lost packets again
        except OSError as refusal:
            exchange.end(words.NOT_SENT, now, reason=said(refusal))
            self._forget(exchange)

    # Hearing

    def _read(self, sock: socket.socket) -> None:
        for _ in range(SENDS_A_TURN):
            try:
                datagram, peer = sock.recvfrom(MAX_MESSAGE)
            except BlockingIOError:
                return
            except OSError as refusal:  # e.g. ICMP about an earlier datagram
                log.debug("receiving a SIP answer: %s", refusal)
                continue
            try:
                self._hear(parse(datagram), peer[0], peer[1])
            except SipError as reason:
                log.debug("not SIP from %s: %s", peer[0], reason)

    def _hear(self, message: object, address: str, port: int) -> None:
        if not isinstance(message, Response):
            return
        vias = message.vias()
        exchange = self._branches.get(parse_via(vias[0]).params.get("branch", ""))
        # RFC 3581, section 4: the answer comes from the address and port that we sent to.
        if not exchange or exchange.target.port != port or len(vias) != 1:
            return
        if same_address(exchange.target.address, address):
            self._take(exchange, message)

    def _take(self, exchange: Exchange, response: Response) -> None:
        if response.cseq() != (exchange.cseq, "NOTIFY"):
            return
        now, branch = time.monotonic(), exchange.branch
        following = exchange.hear(response, now)
        if following:
            del self._branches[branch]
            self._follow(exchange, following, now)
        elif exchange.outcome:
            self._forget(exchange, branch)

    # Time

    def _fire(self, now: float) -> None:
        while self._timetable and self._timetable[0][0] <= now:
            due, _, exchange = heapq.heappop(self._timetable)
            if exchange.outcome or exchange.due != due:
                continue  # over, or in another transaction by now
            message = exchange.wake(now)
            stream = self._streams.get(exchange)
            if stream and not stream.connected and not exchange.outcome:
                exchange.end(words.NO_CONNECTION, now)
            if exchange.outcome:
                self._forget(exchange)
                continue
            self._note(exchange)
            if message:
                self._send(exchange, message, now)

    # Ending

    def _forget(self, exchange: Exchange, branch: str = "") -> None:
        self._branches.pop(branch or exchange.branch, None)
        stream = self._streams.pop(exchange, None)
        if stream:
            self._selector.unregister(stream.sock)
            stream.close()
        if exchange.outcome:
            self._report(exchange.outcome)

    def _report(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        if self._on_outcome:
            try:
                self._on_outcome(outcome)
            except Exception:  # the loop must survive whatever the host's code does
                log.exception("reporting the NOTIFY to %s", outcome.target.address)

    def _end_all(self) -> None:
        now = time.monotonic()
        for exchange in list(self._branches.values()):
            exchange.end(words.STOPPED, now)
            self._forget(exchange)
        for target in [*self._connecting, *self._pace.drain()]:
            self._report(Outcome(target, 0, "", words.STOPPED, 0, 0.0))

    def _close(self) -> None:
        for stream in self._streams.values():
            stream.close()
        for sock in (*self._sockets.values(), self._alarm, self._bell):
            sock.close()
        self._selector.close()

    # Connections

    def _start_stream(self, target: Target, family: int, now: float) -> None:
        stream = Stream(target, family, self._host)
        try:
            sender = Sender(*stream.local(), self._user, self._domain)
            exchange = Exchange(target, sender, self._timers, now)
            message = exchange.begin(now)
        except BaseException:
            stream.close()
            raise
        stream.exchange = exchange
        self._streams[exchange] = stream
        self._selector.register(stream.sock, stream.wants, stream)
        self._follow(exchange, message, now)

    def _serve_stream(self, stream: Stream, events: int) -> None:
        exchange = stream.exchange
        if exchange is None or exchange.outcome:
            return
        try:
            for message in stream.serve(events):
                if isinstance(message, Response) and not exchange.outcome:
                    via = parse_via(message.vias()[0])
                    if via.params.get("branch") == exchange.branch:
                        self._take(exchange, message)
            if not exchange.outcome:
                self._selector.modify(stream.sock, stream.wants, stream)
            return
        except EOFError:
            why, reason = words.CLOSED, ""
        except SipError as refusal:
            why, reason = words.NOT_SIP, str(refusal)
        except OSError as refusal:
            why = words.CLOSED if stream.connected else words.NO_CONNECTION
            reason = said(refusal)
        if not exchange.outcome:
            exchange.end(why, time.monotonic(), reason=reason)
            self._forget(exchange)


def family_of(target: Target) -> int:
    """Refuse what is not one phone: names, groups, "any", the broadcast address."""
    try:
        address = ipaddress.ip_address(target.address)
    except ValueError:
        raise SipError(N_("“%(text)s” is not an IP address"), text=target.address[:60]) from None
    if address.is_multicast or address.is_unspecified or target.address == "255.255.255.255":
        raise SipError(N_("%(text)s is not the address of one phone"), text=target.address)
    if not 0 < target.port < 65536 or target.transport not in ("udp", "tcp"):
        raise SipError(N_("neither UDP nor TCP, or no such port"))
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def said(refusal: OSError) -> str:
    return refusal.strerror or str(refusal)
