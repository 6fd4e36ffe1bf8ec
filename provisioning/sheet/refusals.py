"""The refused rows as a sheet: correct them there and upload it again."""

import csv
import io
from collections.abc import Callable
from typing import Literal

import xlsxwriter

from provisioning.sheet.guard import harmless
from provisioning.sheet.header import meaning
from provisioning.sheet.rows import Reason, Row, Sheet

COLUMN = "reason"


def refusals_sheet(
    sheet: Sheet,
    kind: Literal["csv", "xlsx"] = "csv",
    translate: Callable[[Reason], str] = str,
) -> bytes:
    """Return the bad rows in the columns they came in, and why each was refused."""
    kept = [i for i, name in enumerate(sheet.header) if meaning(name)[0] != COLUMN]
    rows = [[*(sheet.header[i] for i in kept), COLUMN]]
    for row in sheet.rows:
        if not row.ok:
            rows.append([*fitted(row, kept, len(sheet.header)), told(row, translate)])
    return as_xlsx(rows) if kind == "xlsx" else as_csv(rows, sheet.delimiter or ",")


def fitted(row: Row, kept: list[int], width: int) -> list[str]:
    """Too many cells: the last column takes the rest, so that nothing of the row is lost."""
    cells = [*row.raw, *[""] * (width - len(row.raw))]
    if len(cells) > width:
        cells = [*cells[: width - 1], " ".join(cells[width - 1 :])]
    return [cells[i] for i in kept]


def told(row: Row, translate: Callable[[Reason], str]) -> str:
    return "; ".join(translate(reason) for reason in row.reasons)


def as_csv(rows: list[list[str]], delimiter: str) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig", "replace")


def as_xlsx(rows: list[list[str]]) -> bytes:
    """Every cell is written as text: leading zeros stay, and nothing is a formula or a link."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        page = book.add_worksheet()
        text = book.add_format({"num_format": "@"})
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                page.write_string(number, column, harmless(cell), text)
    return out.getvalue()
