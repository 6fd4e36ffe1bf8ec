"""XLSX. A workbook is a ZIP: what it claims to unpack to is judged before anything unpacks it."""

import io
import re
import zipfile
import zlib
from datetime import date, datetime

from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from provisioning.errors import N_, SheetError

ZIP = b"PK\x03\x04"
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
LARGEST_UNPACKED = 100 * 1024 * 1024
HIGHEST_RATIO = 100
MOST_CELLS = 10_000_000
CELL = re.compile(rb"""\br\s*=\s*["']([A-Z]{1,7})([0-9]{1,9})["']""")


def cells_of(data: bytes) -> list[list[str]]:
    """Return the rows of the first sheet that has data, as text."""
    refuse_bombs(data)
    try:
        return first_rows(CalamineWorkbook.from_filelike(io.BytesIO(data)))
    except PasswordError:
        raise SheetError(N_("The workbook is protected by a password; save it without")) from None
    except (CalamineError, OSError, ValueError):
        raise SheetError(N_("The file is not a workbook that can be read (XLSX)")) from None


def first_rows(book: CalamineWorkbook) -> list[list[str]]:
    for name in book.sheet_names:
        rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        if any(cell not in ("", None) for row in rows for cell in row):
            return [[text_of(cell) for cell in row] for row in rows]
    return []


def text_of(cell: object) -> str:
    """Write a whole number without its “.0”: spreadsheets keep every number as a float."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return "" if cell is None else str(cell)


def refuse_bombs(data: bytes) -> None:
    if data.startswith(OLD_OFFICE):
        raise SheetError(
            N_("This workbook is encrypted or in the old XLS format; save it as XLSX or CSV")
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > LARGEST_UNPACKED or unpacked > HIGHEST_RATIO * len(data):
                raise SheetError(N_("The workbook unpacks to far too much data"))
            refuse_wide_gaps(archive)
    except (
        zipfile.BadZipFile,
        ValueError,
        NotImplementedError,
        RuntimeError,
        OSError,
        zlib.error,
        EOFError,
    ):
        raise SheetError(N_("The file is not a workbook that can be read (XLSX)")) from None


def refuse_wide_gaps(archive: zipfile.ZipFile) -> None:
    """One cell at XFD1048576 makes the reader fill in 17 thousand million empty ones."""
    for name in archive.namelist():
        if name.startswith("xl/worksheets/") and name.endswith(".xml"):
            places = set(CELL.findall(archive.read(name)))
            height = max((int(row) for _, row in places), default=0)
            width = max((column_number(column) for column, _ in places), default=0)
            if height * width > MOST_CELLS:
                raise SheetError(N_("The workbook has cells far outside its table; remove them"))


def column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
