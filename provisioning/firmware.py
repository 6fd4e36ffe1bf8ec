"""What is known about the firmware a phone says it runs: outdated, or with a published flaw.

The facts are data, `advisories.toml` in a vendor's folder; where nothing is known nothing is said.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from provisioning.registry import Model

Impact = Literal["takeover", "secrets", "outage"]


@dataclass(frozen=True, slots=True)
class Flaw:
    """`fixed` is the first firmware without it, "" when there is none; `source` an address."""

    name: str
    impact: Impact
    fixed: str
    source: str


@dataclass(frozen=True, slots=True)
class Advice:
    """`newest` is "" when nobody wrote down what the newest firmware of this model is."""

    newest: str = ""
    outdated: bool = False
    flaws: tuple[Flaw, ...] = ()

    @property
    def word(self) -> str:
        if self.flaws:
            return "vulnerable"
        return "outdated" if self.outdated else ""


NOTHING = Advice()


@lru_cache(maxsize=4096)  # phones say what they like
def advice(model: Model, firmware: str) -> Advice:
    """Judge `firmware` as it stands in a User-Agent; one without digits is not judged."""
    has = parts(firmware)
    if not has:
        return NOTHING
    toml = known(model.vendor.folder)
    newest = next((row["firmware"] for row in _about(model, toml.get("newest", ()))), "")
    flaws = tuple(
        Flaw(row["name"], row["impact"], row.get("shown", row.get("below", "")), row["source"])
        for row in _about(model, toml.get("flaws", ()))
        if "below" not in row or has < parts(row["below"])
    )
    return Advice(newest, bool(newest) and has < parts(newest), flaws)


def parts(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, "11.3.7SR1" as (11, 3, 7, 1)."""
    return tuple(int(text) for text in re.findall(r"\d{1,9}", version, re.ASCII))


@cache
def known(folder: Path) -> dict[str, Any]:
    path = folder / "advisories.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _about(model: Model, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (row for row in rows if any(fnmatchcase(model.key, name) for name in row["models"]))
