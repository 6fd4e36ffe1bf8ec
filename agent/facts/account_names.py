"""One account has one name, however it is written: as DOMAIN and name."""

from __future__ import annotations

from agent import outside


def normal(told: str, domain: str = "") -> tuple[str, str]:
    """The domain in capitals and without its parents: jane@corp.example.net is CORP and jane."""
    name = told.strip()
    if "\\" in name:
        domain, _, name = name.partition("\\")
    elif "@" in name[1:]:
        name, _, domain = name.partition("@")
    return short(domain), name


def short(domain: str) -> str:
    first = domain.strip().partition(".")[0]
    return "" if first.isdigit() or first == "" else first.upper()


def local_names() -> set[str]:
    """Names that this computer's own list of accounts knows; a directory's are not there."""
    return {line.partition(":")[0] for line in outside.text("/etc/passwd").splitlines()}
