"""Encryption at rest: MultiFernet for texts, AES-GCM for bodies, the keys outside the database.

The first key writes, all of them read, so that a new key can be put in front of the old ones.
"""

import os
import time
import zlib
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app
from sqlalchemy import Dialect, TypeDecorator

from webapp.environment import ConfigError, usable
from webapp.extensions import Blob

# A packed body: this, 4 octets that name the key, the nonce, the sealed octets with their tag.
BODY = b"\x01"  # a Fernet token begins with "g"
HEAD, NONCE = 5, 12  # octets
LOOK = 1.0  # seconds between two looks at the file of the keys, before something is sealed

# What most files of most phones have in common need not be stored with each of them. Bodies that
# are stored can be read with this very text only: it must never change. A better one would be a
# second file beside it (zlib says in a body's first octets which one it wants).
COMMON = Path(__file__).with_name("bodies.dict").read_bytes()
WINDOW, MEMORY = 14, 6  # 16 KB hold that text and a phone's file; more would only cost time
FRESH = zlib.compressobj(1, zlib.DEFLATED, WINDOW, MEMORY, zlib.Z_DEFAULT_STRATEGY, COMMON)
START = FRESH.copy().flush()[:6]  # RFC 1950: how it was made, and the checksum of COMMON


class SecretBoxError(Exception):
    """What is stored cannot be read with the keys at hand."""

    def __init__(self) -> None:
        super().__init__("No key in the instance folder's “keys” file opens this value")


def body_key(key: str) -> tuple[bytes, AESGCM]:
    """Derive from one of our keys what seals bodies with it, and the head they begin with."""
    derived = HKDF(SHA256(), 36, salt=None, info=b"belldesk bodies").derive(urlsafe_b64decode(key))
    return BODY + derived[32:], AESGCM(derived[:32])


class Ring:
    """Some keys, made ready: the first writes, all read."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.keys = tuple(keys)
        self.fernets = [Fernet(key) for key in self.keys]
        self.fernet = MultiFernet(self.fernets)
        self.body_keys = dict(map(body_key, self.keys))
        self.head, self.first = body_key(self.keys[0])


class SecretBox:
    """Bodies are sealed ten times faster than a Fernet token: a storm of phones opens thousands.

    With `file` the keys are read from it again when it changed: at once for what no known key
    opens, within a second for what is sealed. A key that was taken out of it still opens here
    until the process ends: what somebody has in his hands may need it.
    """

    def __init__(self, keys: Iterable[str], file: Path | None = None) -> None:
        self._ring = Ring(keys)
        self._file, self._looked = file, 0.0
        self._seen: tuple[int, int] | None = None

    def seal(self, plain: bytes) -> bytes:
        return self.newest().fernet.encrypt(plain)

    def open(self, sealed: bytes) -> bytes:
        try:
            return self._ring.fernet.decrypt(sealed)
        except InvalidToken as error:
            if self.reload():
                return self.open(sealed)
            raise SecretBoxError from error

    def pack(self, body: bytes) -> bytes:
        """Compress, then encrypt: a file of a phone as it is stored.

        Level 1 is a quarter faster than 6 and makes these small files 5 % larger.
        """
        stream = FRESH.copy()
        return self._seal_body(stream.compress(body) + stream.flush())

    def unpack(self, stored: bytes) -> bytes:
        """Bodies once were Fernet tokens, and made without COMMON; such are read too."""
        opened = self._open_body(stored) if stored[:1] == BODY else self.open(stored)
        stream = zlib.decompressobj(zdict=COMMON)
        return stream.decompress(opened) + stream.flush()

    def _seal_body(self, plain: bytes) -> bytes:
        ring, nonce = self.newest(), os.urandom(NONCE)
        return ring.head + nonce + ring.first.encrypt(nonce, plain, ring.head)

    def _open_body(self, sealed: bytes) -> bytes:
        head, nonce = sealed[:HEAD], sealed[HEAD : HEAD + NONCE]
        try:
            return self._ring.body_keys[head].decrypt(nonce, sealed[HEAD + NONCE :], head)
        except (KeyError, InvalidTag, ValueError) as error:  # ValueError: it was cut in the nonce
            if self.reload():
                return self._open_body(sealed)
            raise SecretBoxError from error

    def rotate(self, sealed: bytes) -> bytes:
        """Return the same, text or body, as the first key writes it."""
        if sealed[:1] == BODY:
            return self._seal_body(self._open_body(sealed))
        return self.seal(self.open(sealed))

    def is_first(self, sealed: bytes) -> bool:
        """Whether the first key wrote it."""
        if sealed[:1] == BODY:
            return sealed[:HEAD] == self._ring.head
        try:
            self._ring.fernets[0].decrypt(sealed)
        except InvalidToken:
            return False
        return True

    @property
    def head(self) -> bytes:
        """What bodies begin with that the first key wrote."""
        return self._ring.head

    def newest(self) -> Ring:
        now = time.monotonic()
        if now - self._looked >= LOOK:
            self._looked = now
            self.reload()
        return self._ring

    def reload(self) -> bool:
        """Take over what `file` says if it changed; True when other keys came of it."""
        stamp = self._stamp()
        if self._file is None or stamp == self._seen:
            return False
        try:
            keys = usable(self._file.read_text().split())
        except (OSError, ConfigError):
            return False
        self._seen = stamp
        ring = dict.fromkeys((*keys, *self._ring.keys))
        if not keys or tuple(ring) == self._ring.keys:
            return False
        self._ring = Ring(ring)
        return True

    def _stamp(self) -> tuple[int, int] | None:
        try:
            about = os.stat(self._file) if self._file else None
        except OSError:
            return None
        return (about.st_ino, about.st_mtime_ns) if about else None


def box() -> SecretBox:
    found: SecretBox = current_app.extensions["secretbox"]
    return found


class Sealed(TypeDecorator[str]):
    """A text column whose value is encrypted in the database."""

    impl = Blob
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else box().seal(value.encode())

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        return None if value is None else box().open(bytes(value)).decode()


class Packed(TypeDecorator[bytes]):
    """A large binary column, compressed and encrypted in the database."""

    impl = Blob
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else box().pack(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> bytes | None:
        return None if value is None else box().unpack(bytes(value))
