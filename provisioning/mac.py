"""MAC addresses: one form inside (12 lower-case hexadecimal digits), many outside."""

import re

from provisioning.errors import N_, MacError

SEPARATORS = re.compile(r"[\s:.\-]")
MAC = re.compile(r"[0-9a-f]{12}", re.ASCII)


def normalise_mac(text: str) -> str:
    """Return the 12 lower-case digits of `text`, whatever its separators, or raise MacError."""
    digits = SEPARATORS.sub("", text).lower()
    if not MAC.fullmatch(digits):
        raise MacError(
            N_("“%(mac)s” is not a MAC address: 12 digits 0-9 and A-F are needed"), mac=text[:40]
        )
    return digits


def format_mac(mac: str) -> str:
    return ":".join(mac[i : i + 2] for i in range(0, 12, 2))
