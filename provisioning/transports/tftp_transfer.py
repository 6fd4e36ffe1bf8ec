"""One file on its way to one client: what was sent, what was acknowledged, when to send again."""

from contextlib import suppress
from typing import NamedTuple

from provisioning.transports import tftp_packets as packets
from provisioning.transports.tftp_lines import Line
from provisioning.transports.tftp_packets import Terms, TftpRequest
from provisioning.transports.tftp_sockets import Peer


class Outcome(NamedTuple):
    sent: int  # octets of the body (in netascii: as converted), each counted once
    complete: bool  # the client acknowledged the last block
    error: str  # "" when complete
    duration: float  # seconds


class Patience(NamedTuple):
    """How long to wait before sending again, and how often."""

    timeout: float
    retries: int

    def wait(self, tries: int, asked: int | None) -> float:
        """Double the wait at each try, but keep to an interval that the client asked for."""
        return float(asked) if asked else self.timeout * 2 ** min(tries, 4)

    def limit(self, asked: int | None) -> float:
        """A client may ask for 255 seconds: it gets one repetition, not a slot for half an hour."""
        usual = sum(self.wait(tries, None) for tries in range(self.retries + 1))
        return max(usual, 2.0 * asked) if asked else usual


class Transfer:
    """Has a line to the client for itself until it ends."""

    __slots__ = (
        "_acked",
        "_asked",
        "_awaited",
        "_block_size",
        "_body",
        "_highest",
        "_last",
        "_opened",
        "_opening",
        "_patience",
        "_repeated",
        "_send",
        "_started",
        "_tries",
        "_wait",
        "_window",
        "deadline",
        "heard_at",
        "line",
        "outcome",
        "peer",
        "request",
        "rrq",
    )

    def __init__(
        self,
        line: Line,
        peer: Peer,
        rrq: bytes,
        request: TftpRequest,
        body: bytes,
        terms: Terms,
        patience: Patience,
    ) -> None:
        self.line, self.peer, self.rrq, self.request = line, peer, rrq, request
        self._send = line.send
        self._body = body
        self._block_size, self._window, self._asked, accepted = terms
        self._last = len(body) // self._block_size + 1  # may be empty: it says that this is all
        self._opening = packets.oack(accepted) if accepted else b""
        self._opened = not accepted
        self._patience = patience
        self._wait = patience.wait(0, self._asked)
        # Blocks are counted without wrapping; only the wire has 16 bits.
        self._acked = self._highest = self._tries = 0
        self._awaited = packets.ack(0)
        self._repeated = False
        self.outcome: Outcome | None = None

    def start(self, now: float) -> None:
        self._started = self.heard_at = now
        self.deadline = now + self._wait
        self._say()

    def hear(self, datagram: bytes, now: float) -> None:
        """Take a datagram of the client; `outcome` is set when it was the last."""
        if datagram == self._awaited:  # all that was sent has arrived, as nearly always
            self._opened = True
            self._acked = self._highest
            self._go_on(now)
        else:
            self._hear_other(datagram, now)

    def _hear_other(self, datagram: bytes, now: float) -> None:
        code = packets.opcode(datagram)
        if code == packets.ACK and len(datagram) >= 4:
            self._hear_ack(datagram[2] << 8 | datagram[3], now)
        elif code == packets.ERROR:
            self.end(packets.error_words(datagram) or "the client gave up", now)
        elif code not in (0, packets.ACK):  # a scrap of a packet is as good as a lost one
            with suppress(OSError):
                self._send(packets.ILLEGAL_OPERATION)
            self.end("the client broke the protocol", now)

    def _hear_ack(self, number: int, now: float) -> None:
        step = (number - self._acked) & 0xFFFF
        if not self._opened:
            if step == 0:
                self._opened = True
                self._go_on(now)
        elif step == 0:
            self._hear_again()
        elif step <= self._highest - self._acked:  # anything else is late, or invented
            self._acked += step
            self._go_on(now)

    def _hear_again(self) -> None:
        """Answer a repeated ACK only where it can mean a hole, and then once.

        Answering each would double every later packet (the Sorcerer's Apprentice). In a window
        larger than one it is how a client says that the first block was lost (RFC 7440).
        """
        if self._window > 1 and not self._repeated:
            self._repeated = True
            self._say()

    def hear_request_again(self) -> None:
        """The client repeats its request because our first answer was lost, or is late."""
        if self._acked == 0:
            self._say()

    def wake(self, now: float) -> None:
        """The deadline has passed: send again, or give up."""
        if self._tries >= self._patience.retries or now - self.heard_at >= self._patience.limit(
            self._asked
        ):
            all_sent = self._highest == self._last
            words = "the last block was not acknowledged" if all_sent else "the client went silent"
            self.end(words, now)
            return
        self._tries += 1
        self.deadline = now + self._patience.wait(self._tries, self._asked)
        self._say()

    def end(self, words: str, now: float) -> None:
        sent = min(self._highest * self._block_size, len(self._body))
        self.outcome = Outcome(sent, not words, words, now - self._started)

    def _go_on(self, now: float) -> None:
        if self._acked == self._last:
            self.end("", now)
            return
        self._tries = 0
        self._repeated = False
        self.heard_at = now
        self.deadline = now + self._wait
        self._say()

    def _say(self) -> None:
        """Send what the client has to acknowledge next: the OACK, or the window after `_acked`."""
        try:
            if not self._opened:
                self._send(self._opening)
                return
            size, number = self._block_size, self._acked
            until = number + self._window
            if until > self._last:
                until = self._last
            while number < until:
                at = number * size
                number += 1
                self._send(packets.data_head(number) + self._body[at : at + size])
                if number > self._highest:
                    self._highest, self._awaited = number, packets.ack(number)
        except (BlockingIOError, InterruptedError):
            pass  # a full buffer is a lost packet, and lost packets are sent again
        except OSError as refusal:  # ICMP says that nobody is there any more
            self.end(refusal.strerror or "unreachable", self.heard_at)
