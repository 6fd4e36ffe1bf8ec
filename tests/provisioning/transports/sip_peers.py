"""Doubles of phones as processes of their own, and what each of them heard."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.daemons import DIE_WITH_ME

DOUBLE = Path(__file__).parents[2] / "doubles/sip_phone.py"


class Phones:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.ports: list[int] = json.loads(process.stdout.readline())["ports"]
        self.port = self.ports[0]
        self.heard: list[str] = []
        self.times: list[float] = []
        self._reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout:
            if not line.endswith("\n"):  # the process was ended in the middle of it
                return
            told = json.loads(line)
            self.heard.append(told["text"])
            self.times.append(told["at"])

    def close(self) -> None:
        """Read what is left, before the pipe is closed under the reader."""
        self._reader.join(10)

    def wait(self, count: int, seconds: float = 10) -> list[str]:
        end = time.monotonic() + seconds
        while len(self.heard) < count and time.monotonic() < end:
            time.sleep(0.01)
        return self.heard

    def header(self, name: str, message: int = 0) -> str:
        for line in self.wait(message + 1)[message].split("\r\n")[1:]:
            known, _, value = line.partition(": ")
            if known == name:
                return value
        return ""


@contextmanager
def phones(manner: str, *options: str) -> Iterator[Phones]:
    command = [*DIE_WITH_ME, sys.executable, str(DOUBLE), manner, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        found = Phones(process)
        try:
            yield found
        finally:
            process.kill()
            found.close()
