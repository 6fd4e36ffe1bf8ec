"""A browser for the web server of one phone: its cookies, its login, and no other machine.

http.client and not a larger library: the certificate is looked at before a request goes out, each
wait ends by one clock, and an answer is read no further than it may be long.
"""

import http.client
import ipaddress
import select
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from provisioning.transports import push_words as words
from provisioning.transports.http_push_errors import in_words
from provisioning.transports.http_push_login import Login
from provisioning.transports.http_push_sockets import PlainError, dial, secure
from provisioning.transports.push_peer import PushError, Talk, printable

LONGEST = 1 << 20  # octets of an answer
MOST_REDIRECTS = 5
MOST_COOKIES = 20
REDIRECTS = {301, 302, 303, 307, 308}
PORTS = {"http": 80, "https": 443}


class Question(NamedTuple):
    method: str
    path: str
    body: bytes = b""
    kind: str = ""  # Content-Type


class Answer(NamedTuple):
    code: int
    text: str
    location: str
    challenges: tuple[str, ...]


class Client:
    """`scheme` and `port` are where it talks; a redirect may lead from http to https."""

    def __init__(self, talk: Talk, scheme: str, port: int, *, old_tls: bool) -> None:
        self._talk, self._old_tls = talk, old_tls
        self._scheme, self.port = scheme, port
        self._login = Login(talk.peer)
        self.cookies: dict[str, str] = {}
        self._renew()

    def open(self) -> None:
        """Connect, unless it is. Raise PlainError where https is wanted and nothing speaks TLS."""
        if self._connection.sock is None:
            sock = dial(self._talk, self.port)
            if self._scheme == "https":
                sock = secure(self._talk, sock, old=self._old_tls)
            self._connection.sock = sock

    def close(self) -> None:
        with suppress(OSError):
            self._connection.close()

    def ask(self, question: Question, *, once: bool = False) -> Answer:
        """Return the answer after challenges and redirects.

        A form that is answered by a page elsewhere on the phone is not followed there: whether
        that means success is the vendor's to say. `once`: never say it again on a fresh
        connection when a kept one turns out to be gone.
        """
        for _ in range(MOST_REDIRECTS):
            answer = self._proven(question, once)
            if answer.code not in REDIRECTS or not answer.location:
                return answer
            place = self._follow(question.path, answer.location)
            if question.method == "POST" and answer.code not in (307, 308):
                return answer
            question = self._move(question, answer.code, place)
        raise PushError(words.AROUND)

    def _proven(self, question: Question, once: bool) -> Answer:
        answer = self._exchange(question, once)
        for _ in range(2):  # a nonce may be stale once
            if answer.code != HTTPStatus.UNAUTHORIZED or not self._login.may_prove(
                answer.challenges
            ):
                break
            answer = self._exchange(question, once)
        if answer.code == HTTPStatus.UNAUTHORIZED:
            raise PushError(words.WRONG_LOGIN)
        if answer.code == HTTPStatus.SERVICE_UNAVAILABLE:
            raise PushError(words.BUSY)
        return answer

    # One request, one answer

    def _exchange(self, question: Question, once: bool) -> Answer:
        if once and self._is_over():  # else its end would be taken for the phone's answer
            self.close()
        kept = self._connection.sock is not None
        try:
            return self._once(question)
        except (http.client.BadStatusLine, ConnectionError):
            self.close()
            if once or not kept:
                raise
        return self._once(question)

    def _is_over(self) -> bool:
        """Tell whether the phone has closed the kept connection meanwhile, or said too much."""
        sock = self._connection.sock
        if sock is None:
            return False
        waiting = select.poll()
        waiting.register(sock, select.POLLIN)
        return bool(waiting.poll(0))

    def _once(self, question: Question) -> Answer:
        self.open()
        self._connection.request(
            question.method, question.path, question.body or None, self._headers(question)
        )
        response = self._connection.getresponse()
        with response:
            body = response.read(LONGEST + 1)
            short = bool(response.length)  # what is missing, as read(n) itself does not mind
        self._talk.code = response.status
        if len(body) > LONGEST:
            self.close()
            raise PushError(words.TOO_LONG)
        if short:
            raise http.client.IncompleteRead(body)
        self._keep_cookies(response.headers.get_all("Set-Cookie") or ())
        return Answer(
            code=response.status,
            text=body.decode("utf-8", "replace"),
            location=response.headers.get("Location", ""),
            challenges=tuple(response.headers.get_all("WWW-Authenticate") or ()),
        )

    def _headers(self, question: Question) -> dict[str, str]:
        # Some phones drop a form whose Referer is not the form's own page.
        found = {
            "User-Agent": "Belldesk",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Referer": urljoin(self._base, question.path.partition("?")[0]),
            "Connection": "keep-alive",
        }
        if question.kind:
            found["Content-Type"] = question.kind
        if self.cookies:
            found["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if proof := self._login.proof(question.method, question.path):
            found["Authorization"] = proof
        return found

    def _keep_cookies(self, lines: Iterable[str]) -> None:
        for line in lines:
            name, found, value = line.partition(";")[0].partition("=")
            name, value = name.strip(), value.strip()
            fits = found and name and f"{name}{value}".isascii() and f"{name}{value}".isprintable()
            if fits and len(value) < 4096 and len(self.cookies) < MOST_COOKIES:
                self.cookies[name] = value

    # Where the phone sends us

    @property
    def _base(self) -> str:
        return f"{self._scheme}://{_bracketed(self._talk.peer.address)}:{self.port}/"

    def _follow(self, path: str, location: str) -> SplitResult:
        """Refuse every other machine, every other port (there may be another phone behind it), and
        the way back from https to http."""
        place = urlsplit(urljoin(urljoin(self._base, path), location))
        port = place.port or PORTS.get(place.scheme, 0)
        upgrade = (self._scheme, place.scheme) == ("http", "https")
        here = (place.scheme, port) == (self._scheme, self.port)
        if not (here or upgrade) or not _same(place.hostname, self._talk.peer.address):
            raise PushError(words.ELSEWHERE, host=printable(place.netloc.rpartition("@")[2]))
        return place

    def _move(self, question: Question, code: int, place: SplitResult) -> Question:
        if place.scheme != self._scheme:
            self.close()
            self._scheme, self.port = place.scheme, place.port or PORTS[place.scheme]
            self._renew()
        path = place._replace(scheme="", netloc="", fragment="").geturl() or "/"
        if code in (307, 308):
            return question._replace(path=path)
        return Question("GET", path)

    def _renew(self) -> None:
        self._connection = http.client.HTTPConnection(self._talk.peer.address, self.port)
        self._connection.auto_open = 0
        # Else the standard port of https would be named in the Host header.
        self._connection.default_port = PORTS[self._scheme]


def first_client(
    talk: Talk, schemes: tuple[str, ...], ports: dict[str, int], *, old_tls: bool
) -> Client:
    """Return a connected client of the first scheme that is spoken there.

    A phone whose certificate is pinned is never spoken to without it. Before that, whoever could
    keep TLS from us could as well show a certificate of his own.
    """
    if talk.peer.fingerprint:
        schemes = tuple(scheme for scheme in schemes if scheme == "https")
    for place, scheme in enumerate(schemes):
        port = talk.peer.port or ports.get(scheme, PORTS[scheme])
        client = Client(talk, scheme, port, old_tls=old_tls)
        talk.say(words.CONNECTING, address=talk.peer.address, port=port)
        try:
            client.open()
        except (PlainError, ConnectionRefusedError) as error:
            if place + 1 == len(schemes):
                raise in_words(error, talk, port) from None
            talk.say(words.PLAIN)
            continue
        except (OSError, ValueError) as error:
            raise in_words(error, talk, port) from None
        return client
    raise PushError(words.NO_WAY, model=talk.peer.model)


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _same(host: str | None, address: str) -> bool:
    """Tell whether both are the same literal address; no name is looked up."""
    try:
        return ipaddress.ip_address(host or "") == ipaddress.ip_address(address)
    except ValueError:
        return False
