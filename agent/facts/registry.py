"""The Windows registry, read only; elsewhere it is empty."""

from __future__ import annotations

import sys
from contextlib import suppress

Values = dict[str, object]


def values(path: str) -> Values:
    """The values of a key below HKEY_LOCAL_MACHINE; {} when there is none."""
    return _values(path, False)


def own_values(path: str) -> Values:
    """The values of a key of this account."""
    return _values(path, True)


def keys(path: str, own: bool = False) -> list[str]:
    """The names of the keys below."""
    found: list[str] = []
    if sys.platform == "win32":
        import winreg

        root = winreg.HKEY_CURRENT_USER if own else winreg.HKEY_LOCAL_MACHINE
        with suppress(OSError), winreg.OpenKey(root, path) as key:
            for number in range(winreg.QueryInfoKey(key)[0]):
                found.append(winreg.EnumKey(key, number))
    return found


def _values(path: str, own: bool) -> Values:
    found: Values = {}
    if sys.platform == "win32":
        import winreg

        root = winreg.HKEY_CURRENT_USER if own else winreg.HKEY_LOCAL_MACHINE
        with suppress(OSError), winreg.OpenKey(root, path) as key:
            for number in range(winreg.QueryInfoKey(key)[1]):
                name, value, _ = winreg.EnumValue(key, number)
                found[name] = value
    return found
