"""One phone, one NOTIFY: what is sent, when again, and what an answer means. No sockets here.

RFC 3261, section 17.1.2, the non-INVITE client transaction: over UDP timer E sends again after
T1, 2 T1, 4 T1 ... at most T2 apart, and timer F gives up after 64 T1. Timer K, which absorbs
repeated answers, needs no timer: the branch is forgotten with the first final answer, and whatever
bears an unknown branch is ignored for good.
"""

import secrets
from collections.abc import Hashable
from typing import NamedTuple

from provisioning.errors import N_
from provisioning.transports import sip_digest
from provisioning.transports.sip_digest import Credentials
from provisioning.transports.sip_fields import SipError, bracketed, uri_of
from provisioning.transports.sip_messages import Request, Response, build

MAGIC = "z9hG4bK"  # RFC 3261, section 8.1.1.7

ACCEPTED = N_("accepted")
NO_ANSWER = N_("no answer")
NOT_SENT = N_("could not be sent")
NO_CONNECTION = N_("no connection")
CLOSED = N_("the connection was closed without an answer")
NOT_SIP = N_("the answer is not SIP")
NO_ADDRESS = N_("not the address of a phone")
STOPPED = N_("stopped")
NO_PASSWORD = N_("the phone wants a password, and none is known")
WRONG_PASSWORD = N_("the phone refuses the password")
UNKNOWN_METHOD = N_("the phone wants a proof that is not supported")
ELSEWHERE = N_("the phone points elsewhere, which is not followed")
NO_SUCH_USER = N_("the phone does not know this user")
NO_SUCH_EVENT = N_("the phone does not know this event")
REFUSED = N_("the phone refuses")

WORDS = {404: NO_SUCH_USER, 489: NO_SUCH_EVENT, 481: REFUSED}


class Timers(NamedTuple):
    """RFC 3261, table 4, in seconds."""

    t1: float = 0.5
    t2: float = 4.0
    connect: float = 5.0  # ours: what a TCP connection to a phone on a LAN may take

    @property
    def give_up(self) -> float:
        return 64 * self.t1


class Target(NamedTuple):
    """One phone as the caller knows it; nothing but `address` and `port` is ever contacted."""

    address: str  # a literal one: names are not looked up
    event: str = "check-sync"  # as the vendor's data has it, with its parameters
    port: int = 5060
    transport: str = "udp"  # or "tcp"
    user: str = ""
    credentials: Credentials | None = None
    key: Hashable = None  # the caller's own
    network: str = ""  # paced together; "" = by the address: its /24, or /64 for IPv6


class Outcome(NamedTuple):
    target: Target
    code: int  # of the final answer; 0 = there was none
    reason: str  # the phone's own words, or the system's
    words: str  # one of the constants above
    tries: int  # times it was sent, answers to a challenge included
    duration: float  # seconds since it was first sent

    @property
    def accepted(self) -> bool:
        return 200 <= self.code <= 299


class Sender(NamedTuple):
    """Who we are to one phone."""

    address: str
    port: int
    user: str = "belldesk"
    domain: str = ""  # some phones hear only their registrar; "" = our address


class Exchange:
    __slots__ = (
        *("_again", "_answers", "_auth", "_call_id", "_ends", "_interval", "_nonces", "_sender"),
        *("_started", "_tag", "_timers", "branch", "cseq", "due", "message", "outcome", "source"),
        *("target", "tries", "uri"),
    )

    def __init__(self, target: Target, sender: Sender, timers: Timers, now: float) -> None:
        self.target, self._sender, self._timers = target, sender, timers
        self.uri = uri_of(target.user, target.address, target.port, target.transport)
        self._call_id, self._tag = secrets.token_hex(16), secrets.token_hex(8)
        self._auth: tuple[str, str] | None = None
        self._nonces: dict[str, int] = {}
        self._answers = 0  # given to challenges
        self.cseq = self.tries = 0
        self.outcome: Outcome | None = None
        self._started = now
        self.source = (target.address, target.port)

    def begin(self, now: float) -> bytes:
        """Begin a transaction, the first or the one after a challenge."""
        self.cseq += 1
        self.tries += 1
        self.branch = MAGIC + secrets.token_hex(16)
        self.message = build(self._request())
        self._interval = self._timers.t1
        self._ends = now + self._timers.give_up
        if self.target.transport == "tcp":  # where E does not run
            self._again = now + self._timers.connect
        else:
            self._again = now + self._interval
        self.due = min(self._again, self._ends)
        return self.message

    def _request(self) -> Request:
        target, sender = self.target, self._sender
        here = f"{bracketed(sender.address)}:{sender.port}"
        us = uri_of(sender.user, sender.domain or sender.address, 0).removesuffix(":0")
        tcp = target.transport == "tcp"
        contact = uri_of(sender.user, sender.address, sender.port, target.transport)
        headers = [
            ("Via", f"SIP/2.0/{'TCP' if tcp else 'UDP'} {here};rport;branch={self.branch}"),
            ("Max-Forwards", "70"),
            ("From", f"<{us}>;tag={self._tag}"),
            ("To", f"<{self.uri}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self.cseq} NOTIFY"),
            ("Contact", f"<{contact}>"),
            ("Event", target.event),
            ("Subscription-State", "terminated"),
            ("User-Agent", "Belldesk"),
        ]
        if self._auth:
            headers.append(self._auth)
        return Request("NOTIFY", self.uri, tuple(headers))

    def wake(self, now: float) -> bytes | None:
        """Return what is to be sent again, or None and perhaps an outcome."""
        if now >= self._ends:
            self.end(NO_ANSWER, now)
            return None
        if now < self._again:
            return None
        if self.target.transport == "tcp":
            self._again = self.due = self._ends
            return None
        self.tries += 1
        self._interval = min(2 * self._interval, self._timers.t2)
        self._again = now + self._interval
        self.due = min(self._again, self._ends)
        return self.message

    def hear(self, response: Response, now: float) -> bytes | None:
        """Return the next request if this response asks for one; it has our branch and CSeq."""
        if response.code < 200:
            self._interval = self._timers.t2  # whatever E is: next time T2 apart
            return None
        if response.code in sip_digest.ANSWERS:
            return self._prove(response, now)
        words = ELSEWHERE if response.code < 400 else WORDS.get(response.code, REFUSED)
        self.end(ACCEPTED if response.code < 300 else words, now, response)
        return None

    def _prove(self, response: Response, now: float) -> bytes | None:
        challenge = sip_digest.challenge_of(response)
        credentials = self.target.credentials
        # A stale nonce is no refusal of the password, but a phone may not keep us busy with it.
        if self._answers and not (challenge and challenge.stale and self._answers < 2):
            self.end(WRONG_PASSWORD, now, response)
        elif not credentials:
            self.end(NO_PASSWORD, now, response)
        elif not challenge:
            self.end(UNKNOWN_METHOD, now, response)
        else:
            self._answers += 1
            count = self._nonces[challenge.nonce] = self._nonces.get(challenge.nonce, 0) + 1
            try:
                proof = sip_digest.answer(challenge, credentials, "NOTIFY", self.uri, count=count)
                self._auth = (challenge.header, proof)
                return self.begin(now)
            except SipError as refusal:  # a user or a nonce that no header can carry
                self.end(UNKNOWN_METHOD, now, reason=str(refusal))
        return None

    def end(
        self, words: str, now: float, response: Response | None = None, reason: str = ""
    ) -> None:
        code, said = (response.code, response.reason) if response else (0, reason)
        duration = now - self._started
        self.outcome = Outcome(self.target, code, said, words, self.tries, duration)
