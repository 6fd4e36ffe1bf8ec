"""How fast phones may be reached: over all, and in each network."""

import heapq
import ipaddress
from collections import deque
from collections.abc import Iterable

from provisioning.transports.sip_exchange import Target


class Pace:
    """Hand out targets, networks by turns, none before its time; a rate of 0 is no limit."""

    def __init__(
        self, targets: Iterable[Target], per_second: float, per_network: float, now: float
    ) -> None:
        self._gap = 1 / per_second if per_second > 0 else 0.0
        self._network_gap = 1 / per_network if per_network > 0 else 0.0
        self._next = now
        self._queues: dict[str, deque[Target]] = {}
        for target in targets:
            self._queues.setdefault(target.network or network_of(target.address), deque()).append(
                target
            )
        self._turn = len(self._queues)
        self._heap = [(now, turn, name) for turn, name in enumerate(self._queues)]

    def due(self) -> float | None:
        """Return when the next target may be sent to; None when there is no more."""
        return max(self._next, self._heap[0][0]) if self._heap else None

    def take(self, now: float) -> Target | None:
        due = self.due()
        if due is None or now < due:
            return None
        _, _, name = heapq.heappop(self._heap)
        queue = self._queues[name]
        target = queue.popleft()
        # Counted from when it was due, so that a busy loop does not make the pace slower, but at
        # most one gap is made good, so that a pause is not followed by a burst.
        self._next = max(due, now - self._gap) + self._gap
        if queue:
            self._turn += 1
            again = max(due, now - self._network_gap) + self._network_gap
            heapq.heappush(self._heap, (again, self._turn, name))
        return target

    def drain(self) -> list[Target]:
        left = [target for queue in self._queues.values() for target in queue]
        self._heap.clear()
        return left


def network_of(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 64), strict=False))
