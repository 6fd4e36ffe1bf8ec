"""Nonces of the phones' door, and how often each was used.

None is stored when it is given: it is its time and a random part, signed, so every process knows
those of the others. What was used with one is remembered by the process that saw it.
"""

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections import OrderedDict

from provisioning.answer import Request

MOST = 20_000  # in some ten megabytes
COUNT = re.compile("[0-9a-fA-F]{8}", re.ASCII)


class Nonces:
    def __init__(self, secret: str) -> None:
        self._secret = hashlib.sha256(f"nonces of the phones' door {secret}".encode()).digest()
        self._used: OrderedDict[tuple[int, str], tuple[int, Request]] = OrderedDict()
        self._lock = threading.Lock()

    def fresh(self) -> str:
        made = f"{int(time.time()):x}.{secrets.token_hex(4)}"
        return f"{made}-{self._signed(made)}"

    def age(self, nonce: str) -> float | None:
        """Seconds since we gave it; None: it is not ours."""
        made, _, signature = nonce.partition("-")
        if not hmac.compare_digest(signature.encode(), self._signed(made).encode()):
            return None
        return time.time() - int(made.partition(".")[0], 16)

    def rises(self, phone_id: int, nonce: str, count: str, request: Request) -> bool:
        """Whether the phone's count is above all that came with this nonce.

        The same request may be judged twice; one that was overheard is another.
        """
        if not COUNT.fullmatch(count):
            return False
        used, number = (phone_id, nonce), int(count, 16)
        with self._lock:
            before = self._used.get(used)
            if before is not None and number <= before[0] and request is not before[1]:
                return False
            self._used[used] = number, request
            if len(self._used) > MOST:
                self._used.popitem(last=False)
        return True

    def _signed(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:32]
