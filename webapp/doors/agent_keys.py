"""Keys and signatures of the agents' door: HKDF (RFC 5869) and HMAC over SHA-256.

The code and the secret never travel: both sides derive the same from the code and two nonces.
"""

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

CODE_BYTES = 20
NONCE_BYTES = 32


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    """The first 32 bytes: one block."""
    return hmac.digest(hmac.digest(salt or bytes(32), key, "sha256"), info + b"\1", "sha256")


def enrol_key(code: bytes) -> bytes:
    return hkdf(code, b"", b"belldesk enrol")


def agent_secret(code: bytes, agent_nonce: bytes, desk_nonce: bytes) -> bytes:
    return hkdf(code, agent_nonce + desk_nonce, b"belldesk agent")


def request_mac(key: bytes, method: str, path: str, time: str, nonce: str, body: bytes) -> str:
    return signed(key, "request", method, path, time, nonce, hashlib.sha256(body).hexdigest())


def answer_mac(key: bytes, nonce: str, status: int, body: bytes) -> str:
    return signed(key, "answer", nonce, str(status), hashlib.sha256(body).hexdigest())


def command_mac(secret: bytes, number: str, verb: str, expires: str, params: Any) -> str:
    return signed(secret, "command", number, verb, expires, canonical_digest(params))


def canonical_digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def signed(key: bytes, *parts: str) -> str:
    return hmac.digest(key, "\n".join(parts).encode("utf-8", "replace"), "sha256").hex()


def same(one: str, other: str) -> bool:
    """Compare in constant time; a header may hold anything."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def new_code() -> bytes:
    return secrets.token_bytes(CODE_BYTES)


def shown(code: bytes) -> str:
    """`ABCD-EFGH-…`, as people carry it."""
    letters = base64.b32encode(code).decode()
    return "-".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def new_agent_key() -> str:
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=")


def to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64(text: str) -> bytes:
    """Raise ValueError for what is none."""
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
