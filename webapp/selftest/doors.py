"""Our own doors as a stranger meets them: over the network, with paths sent as they are written."""

import http.client
import ssl
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from provisioning.transports import tftp_client

PATIENCE = 5.0
LIMIT = 1024 * 1024
VARYING = frozenset({"date", "connection", "keep-alive", "server", "via"})


class DoorError(Exception):
    """Nobody answers, or not as a web server does."""


class Reply(NamedTuple):
    """`headers` are those that must not differ between refusals, in lower case and sorted."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float

    @property
    def refusal(self) -> tuple[object, ...]:
        return self.status, self.headers, self.body


class Doors:
    """`url` is the address phones come to, `tftp` host and port of the other door, if there is one.

    A certificate is looked at once; one that this machine does not trust is noted in `distrusted`
    and the test goes on, since thieves do not mind.
    """

    def __init__(self, url: str, tftp: tuple[str, int] | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise DoorError(f"{url} is not an address of the form http://host:port")
        self.url, self.tftp_address = url.rstrip("/"), tftp
        self.encrypted = parts.scheme == "https"
        self.distrusted = ""
        self._host, self._port = parts.hostname, parts.port
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str, method: str = "GET", **headers: str) -> Reply:
        """Send one request; a connection that was closed meanwhile is opened again, once."""
        try:
            return self._get(path, method, headers)
        except ssl.SSLCertVerificationError as error:
            self.distrusted = error.verify_message
        except (OSError, http.client.HTTPException):
            pass
        self.close()
        try:
            return self._get(path, method, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise DoorError(str(error) or type(error).__name__) from error

    def _get(self, path: str, method: str, headers: dict[str, str]) -> Reply:
        connection = self._connection = self._connection or self._open()
        started = time.perf_counter()
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read(LIMIT)
        seconds = time.perf_counter() - started
        same = ((name.lower(), value) for name, value in answer.getheaders())
        kept = tuple(sorted(pair for pair in same if pair[0] not in VARYING))
        return Reply(answer.status, kept, body, seconds)

    def _open(self) -> http.client.HTTPConnection:
        if not self.encrypted:
            return http.client.HTTPConnection(self._host, self._port, PATIENCE)
        context = ssl.create_default_context()
        if self.distrusted:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=PATIENCE, context=context
        )

    def tftp(self, file: str) -> bytes | None:
        """Read a file over TFTP; None when it is refused, DoorError when nobody answers."""
        if self.tftp_address is None:
            raise DoorError("no TFTP")
        try:
            return tftp_client.read(self.tftp_address, file, patience=PATIENCE)
        except OSError as error:
            raise DoorError(str(error)) from error

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None
