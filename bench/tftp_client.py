"""Many TFTP clients in one process: each fetches file after file, every time from a fresh port.

Prints one JSON line: transfers, failed, seconds, repeats (packets sent again), cpu (seconds).
"""

import argparse
import json
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

REPEAT_AFTER = 1.0
TRIES = 5
SWEEP = 0.2
HEADER = struct.Struct("!HH")
DATA, ERROR, OACK = 3, 5, 6
ACKS = [HEADER.pack(4, number) for number in range(256)]


class Fetch:
    __slots__ = ("deadline", "last_sent", "name", "next", "parts", "send", "sock", "tries")

    def __init__(self, name: str, rrq: bytes, server: tuple[str, int], now: float) -> None:
        self.name, self.next = name, 1
        self.parts: list[bytes] = []
        self.sock = sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        self.send: Callable[[bytes], int] | None = None  # until the server's own port is known
        self.last_sent, self.tries, self.deadline = rrq, 0, now + REPEAT_AFTER
        sock.sendto(rrq, server)

    def acknowledge(self, number: int, now: float) -> None:
        self.last_sent, self.tries, self.deadline = ACKS[number], 0, now + REPEAT_AFTER
        if self.send:
            self.send(self.last_sent)


class Load:
    def __init__(self, server: tuple[str, int], block_size: int, expected: Path | None) -> None:
        self.server, self.block_size = server, block_size
        # 512 is asked for by asking for nothing, as most phones do.
        self.options = b"" if block_size == 512 else b"blksize\0%d\0" % block_size
        self.expected = expected
        self.epoll = select.epoll()
        self.fetches: dict[int, Fetch] = {}
        self.done: list[tuple[str, bytes]] = []
        self.failed = self.repeats = 0
        self.buffer = bytearray(65536)
        self.view = memoryview(self.buffer)

    def run(self, names: Iterator[str], clients: int) -> None:
        now = time.monotonic()
        for name in names:
            self.begin(name, now)
            if len(self.fetches) == clients:
                break
        sweep = now + SWEEP
        while self.fetches:
            ready = self.epoll.poll(SWEEP)
            now = time.monotonic()
            for fd, _ in ready:
                fetch = self.fetches.get(fd)
                if fetch and self.hear(fetch, now):
                    self.end(fetch)
                    if (following := next(names, None)) is not None:
                        self.begin(following, now)
            if now >= sweep:
                self.repeat_late(names, now)
                sweep = now + SWEEP

    def begin(self, name: str, now: float) -> None:
        rrq = b"\0\1%s\0octet\0%s" % (name.encode(), self.options)
        fetch = Fetch(name, rrq, self.server, now)
        fd = fetch.sock.fileno()
        self.fetches[fd] = fetch
        self.epoll.register(fd, select.EPOLLIN)

    def end(self, fetch: Fetch) -> None:
        del self.fetches[fetch.sock.fileno()]
        fetch.sock.close()

    def hear(self, fetch: Fetch, now: float) -> bool:
        """Return whether this fetch is over."""
        try:
            if fetch.send:
                size = fetch.sock.recv_into(self.buffer)
            else:
                size, peer = fetch.sock.recvfrom_into(self.buffer)
                fetch.sock.connect(peer)
                fetch.send = fetch.sock.send
            code, number = HEADER.unpack_from(self.buffer)
            if code == DATA and number == fetch.next & 0xFFFF:
                fetch.parts.append(bytes(self.view[4:size]))
                fetch.next += 1
                fetch.acknowledge(number, now)
                if size - 4 < self.block_size:
                    self.done.append((fetch.name, b"".join(fetch.parts)))
                    return True
            elif code == OACK:
                fetch.acknowledge(0, now)
            elif code == ERROR:
                self.failed += 1
                return True
        except BlockingIOError:
            pass
        except ConnectionRefusedError:
            self.failed += 1
            return True
        return False

    def repeat_late(self, names: Iterator[str], now: float) -> None:
        for fetch in [late for late in self.fetches.values() if late.deadline <= now]:
            fetch.tries += 1
            if fetch.tries > TRIES:
                self.failed += 1
                self.end(fetch)
                if (following := next(names, None)) is not None:
                    self.begin(following, now)
                continue
            self.repeats += 1
            fetch.deadline = now + REPEAT_AFTER
            if fetch.send:
                fetch.send(fetch.last_sent)
            else:
                fetch.sock.sendto(fetch.last_sent, self.server)

    def count_wrong(self) -> int:
        if not self.expected:
            return sum(not body for _, body in self.done)
        return sum((self.expected / name).read_bytes() != body for name, body in self.done)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--blksize", type=int, default=512)
    parser.add_argument("--names", type=Path, required=True, help="one file name a line")
    parser.add_argument("--share", default="0/1", help="i/n: every n-th name from the i-th on")
    parser.add_argument("--expected", type=Path, help="folder with the files that must arrive")
    args = parser.parse_args()
    part, of = map(int, args.share.split("/"))
    names = args.names.read_text().split()[part::of]
    load = Load((args.host, args.port), args.blksize, args.expected)
    sys.stdin.readline()  # the starting shot
    began, cpu = time.monotonic(), time.process_time()
    load.run(iter(names), args.clients)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    failed = load.failed + load.count_wrong()
    result = {"transfers": len(load.done), "failed": failed, "repeats": load.repeats}
    sys.stdout.write(json.dumps(result | {"seconds": seconds, "cpu": cpu}) + "\n")


if __name__ == "__main__":
    main()
