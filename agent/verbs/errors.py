"""Why a verb was not carried out, in words for who asked."""

from __future__ import annotations

from typing import Any

LONGEST = 1000


class VerbError(Exception):
    """It could not be done."""


class RefusedVerbError(VerbError):
    """It must not be done."""


def text(params: dict[str, Any], name: str, longest: int = LONGEST) -> str:
    """A text of the command, without control characters."""
    value = params.get(name, "")
    if not isinstance(value, str):
        raise VerbError(f"“{name}” must be a text.")
    return "".join(c for c in value if c.isprintable() or c == "\n").strip()[:longest]


def whole(params: dict[str, Any], name: str, default: int = -1) -> int:
    value = params.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise VerbError(f"“{name}” must be a whole number.")
    return value


def texts(params: dict[str, Any], name: str) -> list[str]:
    value = params.get(name) or []
    if not isinstance(value, list) or not all(isinstance(row, str) for row in value):
        raise VerbError(f"“{name}” must be a list of texts.")
    return value
