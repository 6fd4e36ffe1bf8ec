"""Do with a phone's shell what its vendor's data says, step by step."""

from provisioning.registry import Resync
from provisioning.transports.push_peer import PushError, Talk
from provisioning.transports.push_words import NO_WAY


def push(talk: Talk, method: Resync, *, body: bytes, url: str) -> str:
    raise PushError(NO_WAY, model=talk.peer.model)
