"""Go to a phone and make it take its configuration: by its web pages, or by its shell.

Neither function raises for what a phone does. It may refuse, hang, lie or answer garbage: that is
an outcome, in words and with a remedy.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from provisioning.errors import N_
from provisioning.registry import Resync

Step = Callable[[str, dict[str, object]], None]  # said live: the message and what fills it


@dataclass(frozen=True, slots=True)
class Peer:
    """A phone to push to; `model` is a key of the registry, `user` the phone's own.

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


def unheard(message: str, params: dict[str, object]) -> None:
    """Stand in for `on_step` where nobody watches."""


def http_push(
    peer: Peer, method: Resync, *, body: bytes, url: str, on_step: Step = unheard
) -> Pushed:
    """Push by the phone's web pages. `url` is where it finds its file, `body` what is in it."""
    return Pushed(False, N_("This way of reaching phones is not there yet"), {}, None, 0)


def ssh_push(
    peer: Peer, method: Resync, *, body: bytes, url: str, on_step: Step = unheard
) -> Pushed:
    """Push by the phone's shell. `url` is where it finds its file, `body` what is in it."""
    return Pushed(False, N_("This way of reaching phones is not there yet"), {}, None, 0)
