"""Reading one variable of the environment. What cannot be used is refused in words, not ignored."""

import os
import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

YES_OR_NO = dict.fromkeys(("1", "yes", "true", "on"), True) | dict.fromkeys(
    ("", "0", "no", "false", "off"), False
)


class ConfigError(Exception):
    """A BELLDESK_* variable that cannot be used; the message names it and the remedy."""


def usable(keys: Iterable[str]) -> tuple[str, ...]:
    """The keys, if each is one. The words must not quote it: it may be nearly right."""
    found = tuple(keys)
    try:
        for key in found:
            Fernet(key)
    except ValueError as error:
        raise ConfigError(
            "BELLDESK_KEYS, or the file “keys” of the instance folder, holds something that is no"
            " key: each is 44 characters as Fernet.generate_key() makes them"
        ) from error
    return found


def folder(name: str, default: Path) -> Path:
    found = Path(os.environ.get(name, "") or default).resolve()
    try:
        found.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"{name}: {found} cannot be made ({error.strerror})") from error
    if not os.access(found, os.W_OK | os.X_OK):
        raise ConfigError(f"{name}: {found} cannot be written by this user")
    return found


def chosen(name: str, choices: Iterable[str], default: str) -> str:
    text = os.environ.get(name, default).strip().lower()
    if text not in choices:
        raise ConfigError(f"{name} is “{text}”; it must be one of {', '.join(choices)}")
    return text


def some_of(name: str, choices: Sequence[str]) -> Sequence[str]:
    """Words with commas between them; none means all. A mistyped one would be off in silence."""
    found = [word.strip().lower() for word in os.environ.get(name, "").split(",") if word.strip()]
    for word in found:
        if word not in choices:
            raise ConfigError(f"{name}: there is no “{word}”, only {', '.join(choices)}")
    return found or choices


def switch(name: str, default: bool = False) -> bool:
    text = os.environ.get(name, "").strip().lower()
    if not text:
        return default
    if text not in YES_OR_NO:
        raise ConfigError(f"{name} is “{text}”; 1 or 0 is needed")
    return YES_OR_NO[text]


def database(name: str) -> str:
    """The words must not quote the address: it may hold a password."""
    text = os.environ.get(name, "")
    try:
        if text:
            make_url(text).get_dialect()
    except ArgumentError as error:
        raise ConfigError(
            f"{name} is no address of a database, such as postgresql+psycopg://user:password@host/name"
        ) from error
    return text


def address(name: str) -> str:
    text = os.environ.get(name, "").strip().rstrip("/")
    if text and not text.startswith(("http://", "https://")):
        raise ConfigError(f"{name} is “{text}”; it must begin with http:// or https://")
    return text


def group(name: str, default: str) -> str:
    """A multicast group, or an address of this machine to listen on without any."""
    text = os.environ.get(name, "").strip() or default
    try:
        return str(IPv4Address(text))
    except ValueError as error:
        raise ConfigError(f"{name} is “{text}”; an IPv4 address is needed") from error


def number(name: str, default: int, least: int = 0, most: int = 10**6) -> int:
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit():
        raise ConfigError(f"{name} is “{text}”; a whole number is needed")
    if not least <= int(text[:20]) <= most:
        raise ConfigError(f"{name} is “{text}”; it must be from {least} to {most}")
    return int(text)


def path(name: str) -> Path | None:
    text = os.environ.get(name, "")
    return Path(text).resolve() if text else None


def header(name: str) -> str:
    """A header that a proxy sets: without a proxy that is trusted, anybody could send it."""
    text = os.environ.get(name, "").strip()
    if not text:
        return ""
    if not re.fullmatch("[A-Za-z0-9]+(-[A-Za-z0-9]+)*", text):
        raise ConfigError(f"{name} is “{text}”; it must be a header's name such as X-Client-Cert")
    if os.environ.get("BELLDESK_TRUSTED_PROXIES", "0").strip() in ("", "0"):
        raise ConfigError(f"{name} needs BELLDESK_TRUSTED_PROXIES: anybody could send that header")
    return text
