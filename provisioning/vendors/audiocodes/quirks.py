"""What data cannot say: AudioCodes wants its web passwords as md5-crypt; plain text locks out."""

import hashlib
from functools import lru_cache

from passlib.hash import md5_crypt  # type: ignore[import-untyped]

from provisioning.model import Phone


def values(phone: Phone) -> dict[str, object]:
    return {
        "admin_hash": crypt(phone.mac, phone.secrets.admin_password),
        "user_hash": crypt(phone.mac, phone.secrets.user_password),
    }


# A thousand rounds in Python cost 0.6 ms a password, all the rest of the file 0.04. Settings change
# far more often than passwords, so the next run over the same phones need not pay again.
@lru_cache(maxsize=32768)
def crypt(mac: str, password: str) -> str:
    """The salt comes from the phone and its password: the same phone gives the same file."""
    salt = hashlib.sha256(f"{mac}\0{password}".encode()).hexdigest()[:8]
    hashed: str = md5_crypt.using(salt=salt).hash(password)
    return hashed
