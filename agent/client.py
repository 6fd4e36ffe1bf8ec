"""One signed request to the desk and its signed answer. What is not signed is not believed."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import secrets
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

from agent import __version__, moments, signing
from agent.errors import (
    AgentError,
    NotBelievedError,
    RefusedError,
    RejectedError,
    UnreachableError,
)

TIMEOUT = 20.0  # seconds
LONGEST_ANSWER = 8 << 20
PIECE = 64 << 10
GZIP_FROM = 8 << 10
UNAUTHORIZED = 401

Answer = dict[str, Any]


class Client:
    """Speaks for `name` with `key`; `offset` is what the desk's clock is ahead of this one.

    `certificate` is the SHA-256 of the desk's certificate (DER, hexadecimal): when given, it alone
    decides, so that a self-signed one is as good as any.
    """

    def __init__(self, url: str, name: str, key: bytes, certificate: str = "") -> None:
        self.is_tls, self.host, self.port = split(url)
        self.name, self._key, self.certificate = name, key, certificate.lower()
        self.offset = 0.0
        if certificate and not self.is_tls:
            raise AgentError("A certificate can be pinned for an https:// address only.")

    def now(self) -> float:
        """The desk's time, as far as it was told."""
        return time.time() + self.offset

    def post(self, path: str, message: Answer, timeout: float = TIMEOUT) -> Answer:
        status, answer = self._try(path, message, timeout)
        if status == UNAUTHORIZED and self._set_clock(answer):
            if "at" in message:
                message = {**message, "at": moments.iso(self.now())}
            status, answer = self._try(path, message, timeout)
        if status != http.HTTPStatus.OK:
            raise RejectedError(f"The desk answered {status}: {str(answer.get('error'))[:200]}")
        return answer

    def _try(self, path: str, message: Answer, timeout: float) -> tuple[int, Answer]:
        body = json.dumps(message, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json"}
        if len(body) > GZIP_FROM:
            body, headers["Content-Encoding"] = gzip.compress(body, 6), "gzip"
        return self._ask(path, body, headers, timeout)

    def _set_clock(self, answer: Answer) -> bool:
        """A signed 401 tells the desk's time: from now on, sign with that."""
        try:
            self.offset = moments.seconds(answer["now"]) - time.time()
        except (KeyError, TypeError, ValueError):
            return False
        return True

    def _ask(
        self, path: str, body: bytes, headers: dict[str, str], timeout: float
    ) -> tuple[int, Answer]:
        at, nonce = f"{self.now():.3f}", secrets.token_hex(16)
        mac = signing.request_mac(self._key, "POST", path, at, nonce, body)
        signed = {
            "Belldesk-Agent": self.name,
            "Belldesk-Time": at,
            "Belldesk-Nonce": nonce,
            "Belldesk-Mac": mac,
            "User-Agent": f"belldesk-agent/{__version__}",
            "Connection": "close",
        }
        try:
            status, mac, got = self._send(path, body, {**headers, **signed}, timeout)
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"{self.host}:{self.port} did not answer: {error}") from error
        if not signing.same(mac, signing.answer_mac(self._key, nonce, status, got)):
            raise self._unsigned(status)
        return status, json_object(got)

    def _unsigned(self, status: int) -> AgentError:
        if status == UNAUTHORIZED:
            return RefusedError(
                "The desk refuses this agent or code: it is unknown, used, expired or revoked."
            )
        if status == http.HTTPStatus.OK:
            return NotBelievedError(f"{self.host} answered, but not with the desk's signature.")
        return UnreachableError(f"{self.host}:{self.port} answered {status}.")

    def _send(
        self, path: str, body: bytes, headers: dict[str, str], timeout: float
    ) -> tuple[int, str, bytes]:
        connection = self._connect(timeout)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            got = read_whole(answer)
        finally:
            connection.close()
        return answer.status, answer.getheader("Belldesk-Mac", ""), got

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        if not self.is_tls:
            return http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        context = pinning_context() if self.certificate else ssl.create_default_context()
        connection = http.client.HTTPSConnection(
            self.host, self.port, timeout=timeout, context=context
        )
        connection.connect()
        if self.certificate:
            try:
                check_certificate(connection.sock, self.certificate)
            except NotBelievedError:
                connection.close()
                raise
        return connection


def pinning_context() -> ssl.SSLContext:
    """Take any certificate: which one it is gets checked before a byte is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def check_certificate(sock: ssl.SSLSocket, wanted: str) -> None:
    shown = hashlib.sha256(sock.getpeercert(binary_form=True) or b"").hexdigest()
    if shown != wanted:
        raise NotBelievedError(
            f"The desk shows another certificate ({shown[:16]}…) than the pinned one. If it was "
            "renewed on purpose, build the agent again."
        )


def split(url: str) -> tuple[bool, str, int]:
    """TLS or not, host and port of `https://desk.example.net[:port]`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AgentError(f"“{url}” is no address of a desk.") from None
    is_tls = parts.scheme == "https"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AgentError(f"“{url}” is no address of a desk: it begins with https:// or http://.")
    if parts.path.strip("/") or parts.query or parts.username:
        raise AgentError(f"“{url}” must be a host and, if need be, a port: no path, no user.")
    return is_tls, parts.hostname, port or (443 if is_tls else 80)


def read_whole(answer: http.client.HTTPResponse) -> bytes:
    """In pieces: asked for the most at once, http.client would lay out memory for it."""
    got = b""
    while piece := answer.read(PIECE):
        got += piece
        if len(got) > LONGEST_ANSWER:
            raise http.client.HTTPException("the answer is too long")
    return got


def json_object(body: bytes) -> Answer:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise NotBelievedError("The desk's answer is no JSON object.")
    return value
