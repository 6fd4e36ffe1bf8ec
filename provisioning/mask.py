"""A phone's file without its secrets: for eyes, never for phones.

Works by the names that vendor.toml lists, so that it holds for files rendered long ago too.
"""

import re
from collections.abc import Callable
from fnmatch import translate
from functools import cache

from provisioning.registry import Model, Vendor

HIDDEN = "••••••"


def mask(model: Model, body: bytes) -> str:
    """Return the file as text, with what the names in `vendor.secrets` hold hidden."""
    return _each_secret(
        model, body, lambda found: HIDDEN if found["value"].strip() else found["value"]
    )


def secrets_of(model: Model, body: bytes) -> list[tuple[str, str]]:
    """Return the names and values that `mask` hides, to tell whether they changed."""
    values: list[tuple[str, str]] = []

    def note(found: re.Match[str]) -> str:
        values.append((found["name"], found["value"]))
        return ""

    _each_secret(model, body, note)
    return values


def _each_secret(model: Model, body: bytes, change: Callable[[re.Match[str]], str]) -> str:
    is_secret = _matcher(model.vendor)

    def written(found: re.Match[str]) -> str:
        if not is_secret(found["name"]):
            return found[0]
        return f"{found['head']}{change(found)}{found['tail']}"

    return model.format.shape.sub(written, body.decode("utf-8", "replace"))


@cache
def _matcher(vendor: Vendor) -> Callable[[str], object]:
    patterns = "|".join(translate(pattern) for pattern in vendor.secrets)
    return re.compile(patterns, re.IGNORECASE).match
