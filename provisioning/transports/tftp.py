"""A read-only TFTP server over a function that knows the files; it never sees a file system.

One loop, one connected socket per transfer, kept for the next one, and no thread, process or timer
of its own for any: that is what makes it several times faster than a server that forks. More speed
= more processes on the same port (SO_REUSEPORT; the kernel keeps each client with one of them).
"""

import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from provisioning.transports import tftp_packets as packets
from provisioning.transports.tftp_lines import MAX_ANSWER, Lines
from provisioning.transports.tftp_packets import TftpRequest
from provisioning.transports.tftp_sockets import Door, Peer, new_poller, plain_address
from provisioning.transports.tftp_transfer import Outcome, Patience, Transfer

__all__ = ["Outcome", "Server", "TftpRequest"]

log = logging.getLogger(__name__)

SWEEP = 0.2  # seconds between looks at the deadlines; nothing here needs them finer
COMPLAIN_EVERY = 10.0  # seconds
STALLED = 3.0  # seconds without an ACK after which a transfer gives way to who has no room
REQUESTS_A_TURN = 64  # of a storm, before the transfers that run get their turn

Answer = Callable[[TftpRequest], bytes | None]
OnDone = Callable[[TftpRequest, Outcome], None]


class Server:
    """Serve what `answer` returns; None, and any exception, is "File not found" to the client.

    `on_done` hears of every transfer that was begun, complete or not; `on_sweep` is called some
    times a second. All are called in the loop: while they work nobody is served. Above
    `max_transfers` and `max_per_address` requests are dropped without a word: clients ask again.
    What nobody follows up, as of forged addresses, holds no place that another wants.
    """

    def __init__(
        self,
        answer: Answer,
        host: str = "0.0.0.0",  # noqa: S104 - phones are everywhere; `answer` knows the networks
        port: int = 6969,
        *,
        max_transfers: int = 1024,
        max_per_address: int = 512,
        timeout: float = 1.0,
        retries: int = 5,
        on_done: OnDone | None = None,
        on_sweep: Callable[[], None] | None = None,
    ) -> None:
        self._answer, self._on_done, self._on_sweep = answer, on_done, on_sweep
        self._max_transfers, self._max_per_address = max_transfers, max_per_address
        self._patience = Patience(timeout, retries)
        self._transfers: dict[Peer, Transfer] = {}
        self._addresses: Counter[str] = Counter()
        self._stopping = False
        self._next_complaint = self._next_look = 0.0
        self._door = Door(host, port)
        self.port = self._door.port
        self._poller = new_poller()
        self._lines = Lines(self._door.family, self._poller)
        self._alarm, self._bell = socket.socketpair()

    def stop(self) -> None:
        """End `serve`; may be called from a signal handler or another thread."""
        self._stopping = True
        with suppress(OSError):
            self._bell.send(b"!")

    def serve(self, stop: threading.Event | None = None) -> None:
        """Serve until `stop` is set or stop() is called; the server cannot be started again."""
        poller, door = self._poller, self._door.sock.fileno()
        poller.add(door)
        poller.add(self._alarm.fileno())
        sweep = time.monotonic() + SWEEP
        try:
            while not (self._stopping or (stop and stop.is_set())):
                ready = poller.wait(SWEEP)
                now = time.monotonic()
                self._listen(ready, now)
                # Last, so that what has just ended no longer counts against the limits.
                if door in ready:
                    self._take_requests(now)
                if now >= sweep:
                    self._sweep(now)
                    sweep = now + SWEEP
        finally:
            self._close()

    def _take_requests(self, now: float) -> None:
        for _ in range(REQUESTS_A_TURN):
            try:
                datagram, peer, local = self._door.receive(packets.MAX_REQUEST + 1)
            except BlockingIOError:
                return
            except OSError as refusal:  # e.g. ICMP about an earlier refusal of ours
                log.debug("receiving a request: %s", refusal)
                continue
            # A port of 0 cannot be answered, and sending to it is an error.
            if peer[1]:
                self._take(datagram, peer, local, now)

    def _take(self, datagram: bytes, peer: Peer, local: str, now: float) -> None:
        code = packets.opcode(datagram)
        if code == packets.RRQ:
            self._read(datagram, peer, local, now)
        elif code == packets.WRQ:
            self._reply(packets.READ_ONLY, peer, local)
        elif code in (packets.DATA, packets.ACK):
            self._reply(packets.NO_SUCH_TRANSFER, peer, local)
        elif code not in (0, packets.ERROR):  # an ERROR is never answered, nor is a scrap
            self._reply(packets.ILLEGAL_OPERATION, peer, local)

    def _read(self, datagram: bytes, peer: Peer, local: str, now: float) -> None:
        running = self._transfers.get(peer)
        if running and running.rrq == datagram:
            running.hear_request_again()
            if running.outcome:
                self._forget(running)
            return
        if running:  # phones reuse a port without the last ACK of the file before
            self._finish(running, "the client asked for another file", now)
        if self._has_room(peer, now):
            self._begin(datagram, peer, local, now)

    def _has_room(self, peer: Peer, now: float) -> bool:
        if len(self._transfers) >= self._max_transfers and not self._give_way(now):
            self._complain(now, "%d transfers are running", self._max_transfers)
            return False
        if self._addresses[peer[0]] >= self._max_per_address:
            self._complain(now, "%s has %d transfers", peer[0], self._max_per_address)
            return False
        return True

    def _give_way(self, now: float) -> bool:
        """End a transfer whose client is silent; look again only after a while when none is."""
        if now < self._next_look:
            return False
        for transfer in self._transfers.values():
            if now - transfer.heard_at >= STALLED:
                self._finish(transfer, "the client was silent and others waited", now)
                return True
        self._next_look = now + SWEEP
        return False

    def _complain(self, now: float, words: str, *args: object) -> None:
        """Say why requests are dropped, but not for each of a storm."""
        if now >= self._next_complaint:
            self._next_complaint = now + COMPLAIN_EVERY
            log.warning("TFTP drops requests: " + words, *args)  # noqa: G003 - a constant

    def _begin(self, datagram: bytes, peer: Peer, local: str, now: float) -> None:
        request, body = self._ask(datagram, peer)
        if request is None or body is None:
            self._reply(packets.FILE_NOT_FOUND, peer, local)
            return
        try:
            line = self._lines.take(peer, local or self._door.address)
        except OSError as refusal:  # out of file descriptors, or no way back to the client
            self._complain(now, "no way to %s: %s", request.address, refusal)
            return
        if request.mode == "netascii":
            body = packets.netascii(body)
        terms = packets.negotiate(request, len(body))
        transfer = Transfer(line, peer, datagram, request, body, terms, self._patience)
        line.transfer = self._transfers[peer] = transfer
        self._addresses[peer[0]] += 1
        transfer.start(now)
        if transfer.outcome:
            self._forget(transfer)

    def _ask(self, datagram: bytes, peer: Peer) -> tuple[TftpRequest | None, bytes | None]:
        address = plain_address(peer)
        try:
            request = packets.parse_request(datagram, address, peer[1])
        except packets.Malformed as reason:
            log.debug("TFTP: malformed request of %s: %s", address, reason)
            return None, None
        try:
            body = self._answer(request)
            return request, None if body is None else bytes(body)  # copies nothing that is bytes
        except Exception:  # the loop must survive whatever the host's code does
            log.exception("TFTP: answering %r of %s", request.file, address)
            return None, None

    def _reply(self, packet: bytes, peer: Peer, local: str) -> None:
        try:
            self._door.reply(packet, peer, local)
        except OSError as refusal:
            log.debug("TFTP: no reply to %s: %s", peer[0], refusal)

    def _listen(self, ready: list[int], now: float) -> None:
        by_fd = self._lines.by_fd
        for fd in ready:
            line = by_fd.get(fd)
            if line is None:  # the door's, or the alarm's
                continue
            transfer = line.transfer
            try:
                datagram = line.recv(MAX_ANSWER)
            except BlockingIOError:
                continue
            except OSError as refusal:  # ICMP: the client has closed its port
                if transfer:
                    self._finish(transfer, refusal.strerror or "unreachable", now)
                continue
            if transfer:  # else the client before said something more, which nobody waits for
                transfer.hear(datagram, now)
                if transfer.outcome:
                    self._forget(transfer)

    def _sweep(self, now: float) -> None:
        for transfer in [late for late in self._transfers.values() if late.deadline <= now]:
            transfer.wake(now)
            if transfer.outcome:
                self._forget(transfer)
        if self._on_sweep:
            try:
                self._on_sweep()
            except Exception:  # as above
                log.exception("TFTP: while sweeping")

    def _finish(self, transfer: Transfer, words: str, now: float) -> None:
        transfer.end(words, now)
        self._forget(transfer)

    def _forget(self, transfer: Transfer) -> None:
        self._lines.give_back(transfer.line)
        del self._transfers[transfer.peer]
        address = transfer.peer[0]
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]
        if self._on_done and transfer.outcome:
            try:
                self._on_done(transfer.request, transfer.outcome)
            except Exception:  # as above
                log.exception("TFTP: reporting %r", transfer.request.file)

    def _close(self) -> None:
        now = time.monotonic()
        for transfer in list(self._transfers.values()):
            self._finish(transfer, "the server was stopped", now)
        self._lines.close()
        self._poller.close()
        self._door.sock.close()
        self._alarm.close()
        self._bell.close()
