"""The keys of a row: the columns key1, key2 … and the list in the column keys."""

from collections.abc import Iterator

from provisioning.errors import FunctionKeyError
from provisioning.key_abilities import refuse_key
from provisioning.keys import parse_key, parse_keys, refuse_twins
from provisioning.model import Key
from provisioning.registry import Model
from provisioning.sheet.header import Columns
from provisioning.sheet.rows import SheetLine
from provisioning.sheet.values import Remarks


def keys_of(
    columns: Columns,
    values: list[str],
    model: Model | None,
    lines: tuple[SheetLine, ...],
    remarks: Remarks,
) -> tuple[Key, ...]:
    """Return the good keys; a bad one is refused with its column and its place."""
    found: list[Key] = []
    for field, place, text in cells(columns, values):
        try:
            read = (parse_key(text, place, fixed=True),) if place else parse_keys(text)
            refuse_twins([*found, *read])
            if model:
                for key in read:
                    refuse_key(model, key, [line.number for line in lines])
        except FunctionKeyError as error:
            remarks.refuse(field, error.message, **error.params)
        else:
            found.extend(read)
    return tuple(found)


def cells(columns: Columns, values: list[str]) -> Iterator[tuple[str, int, str]]:
    """Field, place and text of each cell that says something; place 0 for the list."""
    for place, column in columns.keys.items():
        if values[column]:
            yield f"key{place}", place, values[column]
    listed = columns.phone.get("keys")
    if listed is not None and values[listed]:
        yield "keys", 0, values[listed]
