"""Tables for people. No cell is cut short: an address that ends in “…” cannot be copied."""

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

WHOLE = ("MAC", "state", "id", "run", "row", "setting")  # these columns are never broken
PHONES = ("state", "MAC", "label", "lines", "model", "site", "last fetch", "address")
PIPE = 500  # columns, where no terminal says how many there are


def rows(columns: Iterable[str], cells: Iterable[Iterable[Any]], none: str = "") -> None:
    """Print a table; what stands in `none` instead if it has no row."""
    found = [[escape("" if cell is None else str(cell)) for cell in row] for row in cells]
    if none and not found:
        console().print(none)
        return
    table = Table(box=SIMPLE_HEAD)
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name in WHOLE)
    for row in found:
        table.add_row(*row)
    console().print(table)


def facts(pairs: Mapping[str, Any]) -> None:
    table = Table(show_header=False, box=None)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs.items():
        table.add_row(name, escape(words(value)))
    console().print(table)


def words(value: Any) -> str:
    """A fact as a person says it; parts of a list stand below each other."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return "\n".join(map(words, value))
    return str(value)


def console() -> Console:
    narrow = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if narrow else PIPE, highlight=False)
