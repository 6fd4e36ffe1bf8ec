"""Connections to a phone's web server whose every wait is bounded, and whose end is known.

A phone signs its certificate itself, so no authority can say whose it is: it is pinned on first
use, on the very connection over which the password travels afterwards.
"""

import hashlib
import socket
import ssl
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from provisioning.transports.push_peer import Talk
from provisioning.transports.push_words import CHANGED_CERTIFICATE

if TYPE_CHECKING:
    _Socket = socket.socket
else:
    _Socket = object

# What OpenSSL calls an answer that is not TLS.
NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL"}


class PlainError(Exception):
    """Nothing speaks TLS at this port; the cause is how that showed."""


class _Timed(_Socket):
    """A phone that sends an octet now and then must not hold us longer than one that is mute."""

    talk: Talk

    def recv_into(self, *args: Any, **named: Any) -> int:
        self.settimeout(self.talk.left(self.talk.times.answer))
        return super().recv_into(*args, **named)

    def sendall(self, *args: Any, **named: Any) -> None:
        self.settimeout(self.talk.left(self.talk.times.answer))
        super().sendall(*args, **named)


class _Plain(_Timed, socket.socket):
    pass


class _Secure(_Timed, ssl.SSLSocket):
    pass


def dial(talk: Talk, port: int) -> socket.socket:
    address = (talk.peer.address, port)
    found = socket.create_connection(address, timeout=talk.left(talk.times.connect))
    sock = _Plain(found.family, found.type, found.proto, fileno=found.detach())
    sock.talk = talk
    sock.settimeout(talk.left(talk.times.connect))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def secure(talk: Talk, sock: socket.socket, *, old: bool) -> ssl.SSLSocket:
    """Return the connection under TLS, to a peer that is the pinned one; else close it."""
    try:
        found = cast(_Secure, _context(old).wrap_socket(sock))
    except BaseException as error:
        sock.close()
        if _is_plain(error):
            raise PlainError from error
        raise
    found.talk = talk
    try:
        certificate = found.getpeercert(binary_form=True) or b""
        digest = hashlib.sha256(certificate).hexdigest()
        talk.recognise(f"sha256:{digest}", CHANGED_CERTIFICATE)
    except BaseException:
        found.close()
        raise
    return found


def _is_plain(error: BaseException) -> bool:
    """Some servers answer a greeting of TLS by words of HTTP, some hang up, some wait for more."""
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return error.reason in NOT_TLS
    return isinstance(error, TimeoutError | ConnectionError | ssl.SSLEOFError)


@cache
def _context(old: bool) -> ssl.SSLContext:
    """`old` lets in TLS 1.0, small keys and SHA-1, for phones whose data demands it."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found.check_hostname = False
    found.verify_mode = ssl.CERT_NONE
    found.sslsocket_class = _Secure
    if old:
        found.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        found.set_ciphers("DEFAULT:@SECLEVEL=0")
    return found
