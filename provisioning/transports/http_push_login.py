"""Prove to a phone's web server who we are, in the way it asks for: Digest, else Basic."""

from base64 import b64encode

from provisioning.transports import push_words as words
from provisioning.transports import sip_digest
from provisioning.transports.push_peer import Peer, PushError, check_login


class Login:
    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._challenge: sip_digest.Challenge | None = None
        self._uses = 0  # of the challenge's nonce
        self._basic = False

    def may_prove(self, challenges: tuple[str, ...]) -> bool:
        """Choose the way; False if that was tried in vain, or PushError if there is none."""
        check_login(self._peer)
        challenge = sip_digest.choose(challenges, "Authorization")
        if challenge:
            tried, self._challenge, self._uses = self._challenge, challenge, 0
            return tried is None or (challenge.stale and challenge.nonce != tried.nonce)
        if not any(text.lower().startswith("basic") for text in challenges):
            raise PushError(words.UNKNOWN_LOGIN)
        tried_basic, self._basic = self._basic, True
        return not tried_basic

    def proof(self, method: str, path: str) -> str:
        """Return the value of the Authorization header, if one was asked for."""
        peer = self._peer
        if self._challenge:
            self._uses += 1
            login = sip_digest.Credentials(peer.user, peer.password)
            return sip_digest.answer(self._challenge, login, method, path, count=self._uses)
        if self._basic:
            return "Basic " + b64encode(f"{peer.user}:{peer.password}".encode()).decode()
        return ""
