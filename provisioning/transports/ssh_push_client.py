"""A connection to the SSH server of one phone: its host key first, then the password, no more.

paramiko's Transport and not its SSHClient, which looks for keys, agents and known_hosts. Version 4
and not 5, which has no algorithm left that an old phone knows; those are off unless its data
demands them.
"""

import base64
import hashlib
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import paramiko

from provisioning.transports import push_words as words
from provisioning.transports.push_peer import PushError, Talk

MOST = 2 << 20  # octets that are read from a phone in all
LONGEST_ANSWER = 64 << 10  # of a command

# What paramiko 4 still offers and no phone should need, by the names of its own lists.
OLD = {
    "kex": (
        "diffie-hellman-group-exchange-sha1",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group1-sha1",
    ),
    "keys": ("ssh-rsa",),
    "pubkeys": ("ssh-rsa",),
    "ciphers": ("aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"),
    "macs": ("hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96"),
}

# It would log what strangers answer, with tracebacks; what went wrong is told as an outcome.
CHANNEL = "provisioning.ssh"
logging.getLogger(CHANNEL).setLevel(logging.CRITICAL + 1)


class MuteError(TimeoutError):
    """The phone got a command and says nothing."""


class Done(NamedTuple):
    code: int | None  # None: the phone closed the channel, or the connection, without one
    text: str


class _Counted(socket.socket):
    """A server that never ends its banner, or its answers, must not fill our memory."""

    read = 0

    def recv(self, *args: int) -> bytes:
        data = super().recv(*args)
        self.read += len(data)
        if self.read > MOST:
            raise EOFError
        return data


class Shell:
    """`old` are the weak algorithms that this phone's data demands."""

    def __init__(self, talk: Talk, port: int, old: frozenset[str]) -> None:
        self._talk = talk
        self._overdue = False
        self._sock = _dial(talk, port)
        try:
            self._transport = paramiko.Transport(self._sock, disabled_algorithms=_without(old))
        except BaseException:
            self._sock.close()
            raise
        self._transport.set_log_channel(CHANNEL)

    def open(self) -> None:
        """Agree on encryption, compare the host key, and only then sign in."""
        talk, transport = self._talk, self._transport
        # Its own time-outs would end as other errors: one watch is over all of them.
        transport.banner_timeout = transport.handshake_timeout = 2 * talk.times.whole
        transport.auth_timeout = None
        with self._watched():
            transport.start_client()
            key = hashlib.sha256(transport.get_remote_server_key().asbytes()).digest()
            fingerprint = "SHA256:" + base64.b64encode(key).decode().rstrip("=")
            talk.recognise(fingerprint, words.CHANGED_KEY)
            talk.say(words.STEPS["sign-in"])
            self._sign_in()

    def _sign_in(self) -> None:
        peer, transport = self._talk.peer, self._transport
        try:
            more = transport.auth_password(peer.user, peer.password, fallback=False)
        except paramiko.BadAuthenticationType:
            raise PushError(words.UNKNOWN_LOGIN) from None
        except paramiko.AuthenticationException:
            # It is raised as well when the phone hangs up meanwhile.
            if not transport.is_active():
                raise EOFError from None
            raise PushError(words.WRONG_LOGIN) from None
        if more:  # the password is one of several proofs
            raise PushError(words.UNKNOWN_LOGIN)

    def run(self, command: str, stdin: bytes = b"") -> Done:
        """Return what a command answered, or raise MuteError when it does not end in time."""
        asked = False
        try:
            with self._watched() as seconds:
                channel = self._transport.open_session(timeout=2 * seconds)
                asked = True
                try:
                    return self._execute(channel, command, stdin)
                finally:
                    channel.close()
        except paramiko.ChannelException:
            raise PushError(words.NO_COMMANDS) from None
        except TimeoutError:
            raise (MuteError if asked else TimeoutError) from None

    def _execute(self, channel: paramiko.Channel, command: str, stdin: bytes) -> Done:
        try:
            channel.set_combine_stderr(True)
            channel.exec_command(command)
            if stdin:
                channel.sendall(stdin)
            channel.shutdown_write()
            text = _read(channel)
            code = channel.recv_exit_status()
        except (paramiko.SSHException, OSError, EOFError):
            if self._transport.is_active():
                raise PushError(words.NO_COMMANDS) from None
            return Done(None, "")
        return Done(None if code < 0 else code, text.decode("utf-8", "replace"))

    def close(self) -> None:
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)  # wakes the transport's thread
        self._transport.close()
        self._sock.close()  # the transport leaves it open if it never began
        if self._transport.is_alive():
            self._transport.join(1.0)

    @contextmanager
    def _watched(self) -> Iterator[float]:
        """Several of paramiko's waits know no time-out: hang up when the time is over."""
        seconds = self._talk.left(self._talk.times.answer)
        watch = threading.Timer(seconds, self._hang_up)
        watch.daemon = True
        watch.start()
        try:
            yield seconds
        except Exception:  # a line that we hang up ends in whatever error paramiko meets first
            if self._overdue:
                raise TimeoutError from None
            raise
        finally:
            watch.cancel()
        if self._overdue:
            raise TimeoutError

    def _hang_up(self) -> None:
        self._overdue = True
        self.close()


def _read(channel: paramiko.Channel) -> bytes:
    found = b""
    while data := channel.recv(32768):
        found += data
        if len(found) > LONGEST_ANSWER:
            raise PushError(words.TOO_LONG)
    return found


def _dial(talk: Talk, port: int) -> socket.socket:
    address = (talk.peer.address, port)
    found = socket.create_connection(address, timeout=talk.left(talk.times.connect))
    sock = _Counted(found.family, found.type, found.proto, fileno=found.detach())
    # Without it each small packet of the handshake waits for the one before to be acknowledged.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _without(needed: frozenset[str]) -> dict[str, list[str]]:
    return {kind: [name for name in names if name not in needed] for kind, names in OLD.items()}
