"""The sockets on which transfers run: each on a port of its own, and kept for the next transfer.

To make one and to close it costs as much as all packets of a phone's file.
"""

import select
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from provisioning.transports.tftp_sockets import Peer, Poller

if TYPE_CHECKING:
    from provisioning.transports.tftp_transfer import Transfer

MOST_IDLE = 256
MAX_ANSWER = 256  # ACK is 4 octets; the words of an ERROR beyond this are of no interest

# Said at creation it saves a system call, where the system knows it.
SOCK_NONBLOCK: int = getattr(socket, "SOCK_NONBLOCK", 0)
UNBLOCKED_DATAGRAMS = socket.SOCK_DGRAM | SOCK_NONBLOCK


class Line:
    """A socket connected to one client: the kernel drops what others send to its port."""

    __slots__ = ("_anything", "fd", "home", "recv", "send", "sock", "transfer")

    def __init__(self, sock: socket.socket, home: Peer) -> None:
        self.sock, self.home, self.fd = sock, home, sock.fileno()
        self.recv: Callable[[int], bytes] = sock.recv
        self.send: Callable[[bytes], int] = sock.send
        self.transfer: Transfer | None = None
        self._anything = select.poll()
        self._anything.register(self.fd, select.POLLIN)

    def connect(self, peer: Peer) -> None:
        """Turn to this client, and forget what the one before has still said.

        The new one does not know our port before we write to it: whatever waits is not its.
        """
        self.sock.connect(peer)
        while self._anything.poll(0):  # to be told by an exception would cost six times as much
            with suppress(OSError):  # ICMP: the client before has closed its port
                self.recv(MAX_ANSWER)


class Lines:
    """One line for each transfer. The longest unused is taken first, so that a client which asks
    from one port again and again meets another TID each time (RFC 1350, 4)."""

    def __init__(self, family: int, poller: Poller) -> None:
        self._family, self._poller = family, poller
        self.by_fd: dict[int, Line] = {}
        self._idle: dict[Peer, deque[Line]] = {}
        self._idle_count = 0

    def take(self, peer: Peer, local: str) -> Line:
        """Connect a line from this address of ours ("" = any) to the client; raise OSError."""
        # A link-local address is only an address together with its interface.
        home = (local, 0, 0, peer[3]) if local and len(peer) == 4 else (local, 0)
        idle = self._idle.get(home)
        if not idle:
            return self._new(home, peer)
        idle[0].connect(peer)
        self._idle_count -= 1
        return idle.popleft()

    def _new(self, home: Peer, peer: Peer) -> Line:
        sock = socket.socket(self._family, UNBLOCKED_DATAGRAMS)
        try:
            if not SOCK_NONBLOCK:
                sock.setblocking(False)
            if home[0]:
                sock.bind(home)
            sock.connect(peer)
        except OSError:
            sock.close()
            raise
        line = Line(sock, home)
        self.by_fd[line.fd] = line
        self._poller.add(line.fd)
        return line

    def give_back(self, line: Line) -> None:
        line.transfer = None
        # Without an address of its own it keeps the one that led to its first client.
        if self._idle_count >= MOST_IDLE or not line.home[0]:
            self._close(line)
            return
        self._idle.setdefault(line.home, deque()).append(line)
        self._idle_count += 1

    def _close(self, line: Line) -> None:
        del self.by_fd[line.fd]
        self._poller.forget(line.fd)
        line.sock.close()

    def close(self) -> None:
        for line in list(self.by_fd.values()):
            self._close(line)
