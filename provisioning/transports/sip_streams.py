"""One short TCP connection to one phone."""

import os
import selectors
import socket
from typing import TYPE_CHECKING

from provisioning.transports.sip_messages import MAX_MESSAGE, Request, Response, take

if TYPE_CHECKING:
    from provisioning.transports.sip_exchange import Exchange, Target

IN_PROGRESS = (0, 36, 115, 10035)  # EINPROGRESS of macOS, Linux, Windows


class Stream:
    def __init__(self, target: "Target", family: int, host: str) -> None:
        self.exchange: Exchange | None = None
        self.connected = False
        self._out = self._in = b""
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            self.sock.setblocking(False)
            if host and (":" in host) == (family == socket.AF_INET6):
                self.sock.bind((host, 0))
            refusal = self.sock.connect_ex((target.address, target.port))
            if refusal not in IN_PROGRESS:
                raise OSError(refusal, os.strerror(refusal))
        except OSError:
            self.sock.close()
            raise

    def local(self) -> tuple[str, int]:
        address = self.sock.getsockname()
        return str(address[0]), int(address[1])

    @property
    def wants(self) -> int:
        if self._out or not self.connected:
            return selectors.EVENT_READ | selectors.EVENT_WRITE
        return selectors.EVENT_READ

    def queue(self, message: bytes) -> None:
        self._out += message

    def serve(self, events: int) -> list[Request | Response]:
        """Read and write what can be; EOFError when the phone has closed."""
        if not self.connected:
            refusal = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if refusal:
                raise OSError(refusal, os.strerror(refusal))
            if not events & selectors.EVENT_WRITE:
                return []
            self.connected = True
        if self._out and events & selectors.EVENT_WRITE:
            self._out = self._out[self.sock.send(self._out) :]
        return self._read() if events & selectors.EVENT_READ else []

    def _read(self) -> list[Request | Response]:
        chunk = self.sock.recv(MAX_MESSAGE)
        self._in = (self._in + chunk).lstrip(b"\r\n")  # endless keep-alives would fill it
        found = []
        while taken := take(self._in):
            message, size = taken
            found.append(message)
            self._in = self._in[size:]
        if not chunk and not found:
            raise EOFError
        return found

    def close(self) -> None:
        self.sock.close()
