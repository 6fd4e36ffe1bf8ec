"""Doubles of phones to push to, as processes of their own, and what was done to each."""

import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from provisioning.registry import Resync, registry
from provisioning.transports.push import Peer, Times
from tests.daemons import DIE_WITH_ME

DOUBLES = Path(__file__).parents[2] / "doubles"
PATIENT = Times(connect=10, answer=20, whole=40)  # a busy machine
QUICK = Times(connect=2, answer=1, whole=4)  # where the phone is silent anyway
PASSWORD = "s3cret-of-phone"


class Phone:
    def __init__(self, process: subprocess.Popen[str], model: str) -> None:
        told = json.loads(process.stdout.readline())
        self.port, self.ssh, self.model = told["ports"][0], told.get("ssh", 0), model
        self.done: list[dict[str, object]] = []
        self._reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout:
            if line.endswith("\n"):
                self.done.append(json.loads(line))

    def close(self) -> None:
        self._reader.join(10)

    def wait(self, name: str, seconds: float = 10) -> object:
        """Return what the phone told under this name."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for one in self.done:
                if name in one:
                    return one[name]
            time.sleep(0.01)
        raise AssertionError(f"no {name} in {self.done}")

    def peer(self, **more: object) -> Peer:
        known = {"port": self.port, "user": "admin", "password": PASSWORD}
        return Peer(**{"address": "127.0.0.1", "mac": "0c383e000001", "model": self.model}
                    | known | more)  # fmt: skip

    def shell(self, **more: object) -> Peer:
        return self.peer(port=self.ssh, **more)


@contextmanager
def phone(kind: str, *options: object) -> Iterator[Phone]:
    """Run a double: fanvil or audiocodes."""
    model = {"fanvil": "fanvil-x1sg", "audiocodes": "audiocodes-405hd"}[kind]
    program = str(DOUBLES / f"{kind}_phone.py")
    command = [*DIE_WITH_ME, sys.executable, program, "--password", PASSWORD, *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        found = Phone(process, model)
        try:
            yield found
        finally:
            process.kill()
            found.close()


def ways(vendor: str, method: str) -> list[Resync]:
    return [way for way in registry().vendors[vendor].resync if way.method == method]


@contextmanager
def desk(body: bytes) -> Iterator[str]:
    """Serve one file; yield its folder. It is what a phone that was pushed to asks for."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/p/key/"
        finally:
            server.shutdown()
            thread.join()


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
