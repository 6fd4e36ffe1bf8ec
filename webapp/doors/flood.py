"""Refusals are counted by source: a flood of them must not fill the disk."""

import ipaddress
import threading
import time
from collections import Counter

A_MINUTE = 60.0
PER_SOURCE = 60  # rows a minute
ALL_SOURCES = 3_000
MOST_SOURCES = 10_000
MAPPED = "::ffff:"


class FloodGate:
    """Let in so many refusals a minute, of each source and of all together."""

    def __init__(self, per_source: int = PER_SOURCE, all_sources: int = ALL_SOURCES) -> None:
        self._per_source, self._all_sources = per_source, all_sources
        self._lock = threading.Lock()
        self._until = 0.0
        self._total = 0
        self._seen: Counter[str] = Counter()
        self._held: Counter[str] = Counter()

    def lets_in(self, address: str) -> bool:
        name = source(address)
        with self._lock:
            self._turn_the_minute()
            if name not in self._seen and len(self._seen) >= MOST_SOURCES:
                name = "other sources"
            self._seen[name] += 1
            if self._seen[name] <= self._per_source and self._total < self._all_sources:
                self._total += 1
                return True
            return False

    def _turn_the_minute(self) -> None:
        now = time.monotonic()
        if now < self._until:
            return
        for name, count in self._seen.items():
            if count > self._per_source:
                self._held[name] += count - self._per_source
        self._seen.clear()
        self._total = 0
        self._until = now + A_MINUTE

    def held_back(self) -> list[tuple[str, int]]:
        """Return, once, what was not let in during the minutes that have ended."""
        with self._lock:
            self._turn_the_minute()
            held = self._held.most_common(20)
            self._held.clear()
        return held


def source(address: str) -> str:
    """A host with IPv6 has a whole /64 to come from; ::ffff:10.0.0.9 is an IPv4 one."""
    if ":" not in address:
        return address
    if address.startswith(MAPPED) and "." in address:
        return address[len(MAPPED) :]
    try:
        network = ipaddress.ip_network(f"{address.partition('%')[0]}/64", strict=False)
    except ValueError:
        return address
    return str(network)
