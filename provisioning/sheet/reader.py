"""From the uploaded bytes to a table of text."""

import csv
import io
import re
from pathlib import PurePosixPath

from provisioning.errors import N_, SheetError
from provisioning.sheet.encodings import decode
from provisioning.sheet.rows import Table
from provisioning.sheet.workbook import OLD_OFFICE, ZIP, cells_of

LARGEST = 20 * 1024 * 1024
MOST_ROWS = 50_000
MOST_COLUMNS = 64
LONGEST_CELL = 500
JUNK = re.compile(r"[\x00-\x08\x0e-\x1f]")
DELIMITERS = ",;\t"

Numbered = list[tuple[int, list[str]]]


def read(data: bytes, filename: str, *, encoding: str = "") -> Table:
    """Read CSV, TXT, TSV or XLSX; raise SheetError in words if it is none of them."""
    if len(data) > LARGEST:
        raise SheetError(N_("The file is larger than %(most)d MB"), most=LARGEST // 1024**2)
    kind = PurePosixPath(filename).suffix.lower()
    if data.startswith((ZIP, OLD_OFFICE)) or kind in (".xlsx", ".xls"):
        lines, encoding, delimiter = numbered(cells_of(data)), "", ""
    else:
        text, encoding = decode(data, encoding)
        lines, delimiter = split(text)
    return shaped(lines, encoding, delimiter)


def numbered(rows: list[list[str]]) -> Numbered:
    return list(enumerate(rows, start=1))


def split(text: str) -> tuple[Numbered, str]:
    """Split text into numbered rows; the first line with text in it tells the delimiter."""
    if JUNK.search(text):
        raise SheetError(N_("This is not a text file: it holds binary data"))
    first = next((line for line in re.split(r"[\r\n]+", text) if line.strip()), "")
    delimiter = max(DELIMITERS, key=re.sub(r'"[^"]*"', "", first).count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: Numbered = []
    number = 1
    try:
        for cells in reader:
            lines.append((number, cells))
            refuse_too_many(len(lines))
            number = reader.line_num + 1
    except csv.Error:
        raise SheetError(
            N_("Line %(number)d: a quotation mark is not closed, or stands inside a value"),
            number=number,
        ) from None
    return lines, delimiter


def refuse_too_many(count: int) -> None:
    if count > MOST_ROWS + 1:
        raise SheetError(N_("The sheet has more than %(most)d rows"), most=MOST_ROWS)


def shaped(lines: Numbered, encoding: str, delimiter: str) -> Table:
    """Trim blank columns on the right and drop blank rows; their numbers stay."""
    kept = [(number, trimmed(cells)) for number, cells in lines]
    kept = [(number, cells) for number, cells in kept if cells]
    if not kept:
        raise SheetError(N_("The sheet is empty"))
    refuse_too_many(len(kept))
    for number, cells in kept:
        refuse_too_wide(number, cells)
    header, *rows = kept
    return Table(
        tuple(cell.strip() for cell in header[1]),
        tuple((number, tuple(cells)) for number, cells in rows),
        encoding,
        delimiter,
    )


def trimmed(cells: list[str]) -> list[str]:
    """The predecessors' lists end each line with three TABs: copied from a spreadsheet."""
    end = len(cells)
    while end and (not cells[end - 1] or cells[end - 1].isspace()):
        end -= 1
    if end:
        cells[end - 1] = cells[end - 1].rstrip("\t")
    return cells[:end]


def refuse_too_wide(number: int, cells: list[str]) -> None:
    if len(cells) > MOST_COLUMNS:
        raise SheetError(
            N_("Line %(number)d has more than %(most)d columns"), number=number, most=MOST_COLUMNS
        )
    if max(map(len, cells)) > LONGEST_CELL:
        raise SheetError(
            N_("Line %(number)d: a cell is longer than %(most)d characters"),
            number=number,
            most=LONGEST_CELL,
        )
