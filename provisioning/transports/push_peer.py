"""Whom to push to, how long it may take, and what is told of it: common to all ways of pushing."""

import ipaddress
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from provisioning.errors import ProvisioningError
from provisioning.transports import push_words as words

Step = Callable[[str, dict[str, object]], None]  # said live: the message and what fills it

# Where clouds answer with their machines' own secrets.
METADATA = {
    ipaddress.ip_address(text)
    for text in (
        *("169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200"),
        *("168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23"),
    )
}
INTERFACE = re.compile(r"[\w.-]{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Peer:
    """A phone to push to; `model` is a key of the registry, `user` and `password` the phone's own.

    `fingerprint` is the one pinned: "sha256:<hex>" of its certificate or "SHA256:<base64>" of its
    SSH host key; None pins what it shows first. Without `port` the vendor's data has it.
    """

    address: str
    mac: str
    model: str
    user: str
    password: str = field(repr=False)
    fingerprint: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """What came of it. `code` is a status of HTTP or the exit code of a command, if there was one.

    `fingerprint` is what the phone showed: to be pinned where nothing was, to be offered to a
    person where `changed_identity` says that it is not the pinned one, and nothing was sent.
    """

    success: bool
    message: str
    params: dict[str, object]
    code: int | None
    milliseconds: int
    fingerprint: str | None = None
    changed_identity: bool = False


class Times(NamedTuple):
    """Seconds."""

    connect: float = 5.0
    answer: float = 15.0  # to each request; a phone that saves its flash is slow
    whole: float = 60.0


class PushError(ProvisioningError):
    """The phone, or what answers in its place, did not do what was asked."""


class ChangedError(PushError):
    """The phone shows another certificate or host key than the pinned one."""


class Talk:
    """One push while it lasts: its clock, what is said of it, what is known of the phone."""

    def __init__(self, peer: Peer, on_step: Step, times: Times) -> None:
        self.peer, self.times = peer, times
        self._on_step = on_step
        self._began = time.monotonic()
        self.code: int | None = None
        self.fingerprint: str | None = None  # as shown last
        self._known = peer.fingerprint

    def say(self, message: str, **params: object) -> None:
        self._on_step(message, params)

    def left(self, at_most: float) -> float:
        """Return the seconds that may be waited now, `at_most` that many."""
        left = self._began + self.times.whole - time.monotonic()
        if left <= 0:
            raise TimeoutError("the whole takes too long")
        return min(left, at_most)

    def milliseconds(self) -> int:
        return round((time.monotonic() - self._began) * 1000)

    def recognise(self, fingerprint: str, changed: str) -> None:
        """Compare with what is pinned, or was shown first; nothing is sent before that."""
        self.fingerprint = fingerprint
        if self._known is None:
            self._known = fingerprint
            self.say(words.NEW_IDENTITY, fingerprint=fingerprint)
        if self._known != fingerprint:
            raise ChangedError(changed)

    def pushed(self, success: bool, error: tuple[str, dict[str, object]], changed: bool) -> Pushed:
        message, params = error
        return Pushed(
            success, message, params, self.code, self.milliseconds(), self.fingerprint, changed
        )


def check_address(text: str) -> None:
    """Refuse what is not one machine: names, groups, "any", broadcast, a cloud's metadata."""
    plain, scoped, interface = text.partition("%")
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        raise PushError(words.NO_ADDRESS, text=printable(text)) from None
    if scoped and not (address.is_link_local and INTERFACE.fullmatch(interface)):
        raise PushError(words.NO_ADDRESS, text=printable(text))
    inner = getattr(address, "ipv4_mapped", None) or address
    reserved = inner.version == 4 and inner.is_reserved  # holds 255.255.255.255
    if inner.is_multicast or inner.is_unspecified or reserved or inner in METADATA:
        raise PushError(words.NOT_A_PHONE, text=text)


def check_login(peer: Peer) -> None:
    if not peer.user or not peer.password:
        raise PushError(words.NO_LOGIN)
    if not (peer.user + peer.password).isprintable():  # line breaks, halves of surrogates
        raise PushError(words.ODD_LOGIN)


def printable(text: str) -> str:
    """Return what a stranger may have written so that it can be shown in one line."""
    return re.sub(r"[^ -~]", "?", text)[:60]
