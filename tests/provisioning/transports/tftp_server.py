"""A real server in a thread of the test, and what it was asked."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from provisioning.transports.tftp import Outcome, Server, TftpRequest


@dataclass
class Running:
    files: Mapping[str, bytes]
    host: str = "127.0.0.1"
    port: int = 0
    asked: list[TftpRequest] = field(default_factory=list)
    done: list[tuple[TftpRequest, Outcome]] = field(default_factory=list)

    def answer(self, request: TftpRequest) -> bytes | None:
        self.asked.append(request)
        return self.files.get(request.file)

    def note(self, request: TftpRequest, outcome: Outcome) -> None:
        self.done.append((request, outcome))

    def wait_done(self, count: int, seconds: float = 10) -> list[tuple[TftpRequest, Outcome]]:
        end = time.monotonic() + seconds
        while len(self.done) < count and time.monotonic() < end:
            time.sleep(0.01)
        return self.done


@contextmanager
def serving(
    files: Mapping[str, bytes],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    answer=None,
    **options,
) -> Iterator[Running]:
    running = Running(files, host)
    server = Server(answer or running.answer, host, port, on_done=running.note, **options)
    running.port = server.port
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield running
    finally:
        server.stop()
        thread.join(10)
        assert not thread.is_alive()
