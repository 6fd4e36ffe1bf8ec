"""Passwords of people: Argon2id, and what we ask of a new one."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import lazy_gettext as _l

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
NOBODY = HASHER.hash("the same work is done for a name that does not exist")
SHORTEST = 10


def hash_password(password: str) -> str:
    return HASHER.hash(password)


def matches(stored: str, password: str) -> bool:
    try:
        return HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def outdated(stored: str) -> bool:
    """True when the hash was made with weaker parameters than today's."""
    return HASHER.check_needs_rehash(stored)


def weakness(password: str, name: str = "") -> str:
    """Say what is wrong with a new password; "" when it will do."""
    if len(password) < SHORTEST:
        return str(_l("The password needs at least %(count)d characters", count=SHORTEST))
    if len(password) > 200:
        return str(_l("The password may have at most %(count)d characters", count=200))
    if name and name.lower() in password.lower():
        return str(_l("The password must not contain the user name"))
    if len(set(password)) < 5:
        return str(_l("The password repeats too few characters"))
    return ""
