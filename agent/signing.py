"""Keys and signatures between agent and desk: HKDF and HMAC over SHA-256, nothing else.

The code and the secret never travel: both sides derive the same keys from the code and two nonces.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from agent.errors import AgentError

CODE_BYTES = 20


class CodeError(AgentError):
    """What was typed is no enrolment code."""


def code_bytes(text: str) -> bytes:
    """The 20 bytes behind `ABCD-EFGH-…`; case, blanks and dashes do not matter."""
    letters = "".join(text.split()).replace("-", "").upper()
    try:
        code = base64.b32decode(letters)
    except ValueError:  # what base64 raises is one, too
        code = b""
    if len(code) != CODE_BYTES:
        raise CodeError(
            "This is no enrolment code: it has 32 letters A-Z and digits 2-7, in groups of four. "
            "Copy it again from the desk."
        )
    return code


def hkdf(key: bytes, salt: bytes, info: bytes, length: int = 32) -> bytes:
    """RFC 5869 with SHA-256."""
    pseudo_random = hmac.digest(salt or bytes(32), key, "sha256")
    out, block = b"", b""
    for number in range(1, -(-length // 32) + 1):
        block = hmac.digest(pseudo_random, block + info + bytes([number]), "sha256")
        out += block
    return out[:length]


def lookup(code: bytes) -> str:
    return hashlib.sha256(b"belldesk enrol lookup" + code).hexdigest()[:32]


def enrol_key(code: bytes) -> bytes:
    return hkdf(code, b"", b"belldesk enrol")


def agent_secret(code: bytes, agent_nonce: bytes, desk_nonce: bytes) -> bytes:
    return hkdf(code, agent_nonce + desk_nonce, b"belldesk agent")


def request_mac(key: bytes, method: str, path: str, time: str, nonce: str, body: bytes) -> str:
    return _mac(key, "request", method, path, time, nonce, _digest(body))


def answer_mac(key: bytes, nonce: str, status: int, body: bytes) -> str:
    return _mac(key, "answer", nonce, str(status), _digest(body))


def command_mac(secret: bytes, number: str, verb: str, expires: str, params: Any) -> str:
    return _mac(secret, "command", number, verb, expires, _digest(canonical(params)))


def canonical(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def same(one: str, other: str) -> bool:
    """Compare in constant time; a header may hold anything."""
    return hmac.compare_digest(one.encode(errors="replace"), other.encode(errors="replace"))


def to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _mac(key: bytes, *parts: str) -> str:
    return hmac.new(key, "\n".join(parts).encode(), hashlib.sha256).hexdigest()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
