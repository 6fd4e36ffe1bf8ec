"""Go to a phone and make it take its configuration: by its web pages, or by its shell.

Neither function raises for what a phone does. It may refuse, hang, lie or answer garbage: that is
an outcome, in words and with a remedy. Both block; each is for a thread of its own.
"""

from collections.abc import Callable

from provisioning.registry import Resync
from provisioning.transports import http_push as web
from provisioning.transports import ssh_push as shell
from provisioning.transports.push_peer import (
    ChangedError,
    Peer,
    Pushed,
    PushError,
    Step,
    Talk,
    Times,
    check_address,
)

__all__ = ["Peer", "Pushed", "Step", "Times", "http_push", "ssh_push", "unheard"]


def unheard(message: str, params: dict[str, object]) -> None:
    """Stand in for `on_step` where nobody watches."""


def http_push(
    peer: Peer,
    method: Resync,
    *,
    body: bytes,
    url: str,
    on_step: Step = unheard,
    times: Times | None = None,
) -> Pushed:
    """Push by the phone's web pages. `url` is the folder of its file, `body` what is in it."""
    return _outcome(peer, on_step, times, lambda talk: web.push(talk, method, body=body, url=url))


def ssh_push(
    peer: Peer,
    method: Resync,
    *,
    body: bytes,
    url: str,
    on_step: Step = unheard,
    times: Times | None = None,
) -> Pushed:
    """Push by the phone's shell. `url` is the folder of its file, `body` what is in it."""
    return _outcome(peer, on_step, times, lambda talk: shell.push(talk, method, body=body, url=url))


def _outcome(peer: Peer, on_step: Step, times: Times | None, push: Callable[[Talk], str]) -> Pushed:
    talk = Talk(peer, on_step, times or Times())
    try:
        check_address(peer.address)
        return talk.pushed(True, (push(talk), {}), changed=False)
    except PushError as error:
        changed = isinstance(error, ChangedError)
        return talk.pushed(False, (error.message, error.params), changed=changed)
