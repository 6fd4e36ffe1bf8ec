"""What the TFTP server asks of the system: the port where requests arrive, and who has spoken."""

import select
import selectors
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, Protocol

RECEIVE_BUFFER = 4 * 1024 * 1024  # a lost request costs the phone its whole time-out
CONTROL_SPACE = 64  # holds one in6_pktinfo with its header

WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 - recognised here, chosen by the caller

Peer = tuple[Any, ...]  # as the socket module gives it: 2 fields for IPv4, 4 for IPv6


class Door:
    """The well-known port. Its port may be shared by several processes."""

    def __init__(self, host: str, port: int) -> None:
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(self.family, socket.SOCK_DGRAM)
        try:
            self._prepare(host)
            self.sock.bind((host, port))
        except BaseException:
            self.sock.close()
            raise
        address, self.port = self.sock.getsockname()[:2]
        self.address: str = "" if host in WILDCARDS else address

    def _prepare(self, host: str) -> None:
        sock = self.sock
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if hasattr(socket, "SO_REUSEPORT"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if self.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # On a host with several addresses the answer has to come from the one that was asked:
        # clients and firewalls drop it otherwise.
        self._tells_local = host in WILDCARDS and sys.platform == "linux"
        if self._tells_local and self.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        elif self._tells_local:
            sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)

    def receive(self, size: int) -> tuple[bytes, Peer, str]:
        """Return the datagram, who sent it, and to which of a wildcard's addresses ("" = any)."""
        if not self._tells_local:
            datagram, peer = self.sock.recvfrom(size)
            return datagram, peer, ""
        datagram, control, _, peer = self.sock.recvmsg(size, CONTROL_SPACE)
        return datagram, peer, _local_address(control)

    def reply(self, packet: bytes, peer: Peer, local: str) -> None:
        self.sock.sendmsg([packet], _control(local), 0, peer)


IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)  # linux/in.h; Python names it from 3.14 on
_IN_PKTINFO = struct.Struct("@i4s4s")  # interface, local address, address in the header
_IN6_PKTINFO = struct.Struct("@16sI")


def _local_address(control: list[tuple[int, int, bytes]]) -> str:
    for level, kind, raw in control:
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
            return socket.inet_ntop(socket.AF_INET, _IN_PKTINFO.unpack(raw)[1])
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            return socket.inet_ntop(socket.AF_INET6, _IN6_PKTINFO.unpack(raw)[0])
    return ""


def _control(local: str) -> list[tuple[int, int, bytes]]:
    if not local:
        return []
    if ":" in local:
        address = socket.inet_pton(socket.AF_INET6, local)
        return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _IN6_PKTINFO.pack(address, 0))]
    address = socket.inet_pton(socket.AF_INET, local)
    return [(socket.IPPROTO_IP, IP_PKTINFO, _IN_PKTINFO.pack(0, address, bytes(4)))]


def plain_address(peer: Peer) -> str:
    """Show an IPv4 client of a dual-stack socket as IPv4, as every list of networks has it."""
    address = str(peer[0])
    return address.removeprefix("::ffff:") if "." in address else address


class Poller(Protocol):
    def add(self, fd: int) -> None: ...
    def forget(self, fd: int) -> None: ...
    def wait(self, seconds: float) -> list[int]: ...
    def close(self) -> None: ...


class SelectorPoller:
    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def add(self, fd: int) -> None:
        self._selector.register(fd, selectors.EVENT_READ)

    def forget(self, fd: int) -> None:
        self._selector.unregister(fd)

    def wait(self, seconds: float) -> list[int]:
        return [key.fd for key, _ in self._selector.select(seconds)]

    def close(self) -> None:
        self._selector.close()


new_poller: Callable[[], Poller] = SelectorPoller

if sys.platform == "linux":

    class EpollPoller:
        """What `selectors` does on Linux too, without its bookkeeping for each event."""

        def __init__(self) -> None:
            self._epoll = select.epoll()

        def add(self, fd: int) -> None:
            self._epoll.register(fd, select.EPOLLIN)

        def forget(self, fd: int) -> None:
            pass  # closing the socket is enough

        def wait(self, seconds: float) -> list[int]:
            return [fd for fd, _ in self._epoll.poll(seconds)]

        def close(self) -> None:
            self._epoll.close()

    new_poller = EpollPoller
