"""A whole Belldesk as its user starts it, in a folder and on ports of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.daemons import free_port

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"http://\S+(/setup/\S+)")
PATIENCE = 60


@dataclass
class Desk:
    folder: Path
    port: int
    tftp_port: int
    pnp_port: int
    process: subprocess.Popen

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self):
        return (self.folder / "output").read_text(encoding="utf-8")

    @property
    def environment(self):
        return os.environ | {
            "BELLDESK_INSTANCE": str(self.folder / "instance"),
            "BELLDESK_BASE_URL": self.url,
            "BELLDESK_HOST": "127.0.0.1",
            "BELLDESK_PORT": str(self.port),
            "BELLDESK_TFTP_HOST": "127.0.0.1",
            "BELLDESK_TFTP_PORT": str(self.tftp_port),
            "BELLDESK_PNP_GROUP": "127.0.0.1",  # no group: desks that run side by side do not meet
            "BELLDESK_PNP_PORT": str(self.pnp_port),
            "BELLDESK_LEASE_SECONDS": "5",
        }

    def setup_address(self):
        return self.url + LINK.search(self.output)[1]

    def command(self, *words, code=0):
        """Run `belldesk …` beside the servers; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "webapp.cli", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def wait_until_it_answers(self):
        for _ in range(PATIENCE * 5):
            assert self.process.poll() is None, self.output
            try:
                with urlopen(f"{self.url}/login", timeout=2):
                    return
            except (URLError, HTTPError, ConnectionError, TimeoutError):
                time.sleep(0.2)
        raise AssertionError(self.output)


@contextmanager
def running_desk(folder: Path) -> Iterator[Desk]:
    ports = free_port(), free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
    desk = Desk(folder, *ports, process=None)
    with (folder / "output").open("wb") as output:
        desk.process = subprocess.Popen(
            [sys.executable, "-m", "webapp.cli", "serve"],
            cwd=ROOT,
            env=desk.environment | {"PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=output,
        )
    try:
        desk.wait_until_it_answers()
        yield desk
    finally:
        desk.process.send_signal(signal.SIGINT)
        code = desk.process.wait(30)
    assert code == 0, desk.output
    assert "Traceback" not in desk.output, desk.output
