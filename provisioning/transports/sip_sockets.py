"""The UDP sockets of SIP, and the multicast group that new phones call."""

import errno
import logging
import socket
import struct
from contextlib import suppress

from provisioning.transports.sip_fields import SipError

log = logging.getLogger(__name__)

BUFFER = 4 * 1024 * 1024  # thousands of answers may come in one moment

IP_MULTICAST_ALL = 49  # linux/in.h
_MREQN = struct.Struct("@4s4si")  # group, local address (any), interface: ip(7)


def bound(family: int, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def local_towards(address: str, family: int = socket.AF_INET) -> str:
    """Ask the system which of our addresses it would use; nothing is sent."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))
        return str(probe.getsockname()[0])


def group_door(group: str, port: int) -> socket.socket:
    """Open the group's port. Bound to the group itself it takes no unicast from a PBX beside us."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What any socket of this host has joined: see Memberships.
        sock.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 1)
        sock.bind((group, port))
    except OSError as refusal:
        sock.close()
        if refusal.errno == errno.EADDRINUSE:
            raise SipError(
                "UDP port %(port)s is taken on every address: tell the PBX on this host to use"
                " its own address instead (in pjsip.conf: bind=10.0.0.5)",
                port=port,
            ) from refusal
        raise
    return sock


class Memberships:
    """Hold the group on every interface, those that come later too.

    The system's own choice of one is wrong on hosts with Docker or a VPN. It also allows a socket
    20 memberships (igmp_max_memberships) and such hosts have more interfaces: hence several.
    """

    def __init__(self, group: str) -> None:
        self._group = socket.inet_aton(group)
        self._holders: list[socket.socket] = []
        self._joined: dict[int, socket.socket] = {}

    def refresh(self) -> list[str]:
        """Join what is new, leave what is gone; return the names of the interfaces held."""
        there = dict(socket.if_nameindex())
        for index in [index for index in self._joined if index not in there]:
            with suppress(OSError):
                self._change(self._joined.pop(index), socket.IP_DROP_MEMBERSHIP, index)
        for index, name in there.items():
            if index not in self._joined:
                self._join(index, name)
        return [name for index, name in there.items() if index in self._joined]

    def _join(self, index: int, name: str) -> None:
        for holder in [*self._holders, None]:
            sock = holder or self._new_holder()
            try:
                self._change(sock, socket.IP_ADD_MEMBERSHIP, index)
            except OSError as refusal:
                if refusal.errno == errno.ENOBUFS and holder:
                    continue  # this one is full
                log.debug("no SIP PnP on %s: %s", name, refusal)
            else:
                self._joined[index] = sock
            return

    def _new_holder(self) -> socket.socket:
        self._holders.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        return self._holders[-1]

    def _change(self, sock: socket.socket, option: int, index: int) -> None:
        sock.setsockopt(socket.IPPROTO_IP, option, _MREQN.pack(self._group, bytes(4), index))

    def close(self) -> None:
        for holder in self._holders:
            holder.close()
