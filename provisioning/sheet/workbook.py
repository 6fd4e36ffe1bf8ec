"""XLSX. A workbook is a ZIP: what it claims to unpack to is judged before anything unpacks it."""

import io
import re
import zipfile
import zlib
from datetime import date, datetime
from xml.parsers.expat import ExpatError, ParserCreate

from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from provisioning.errors import N_, SheetError

ZIP = b"PK\x03\x04"
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
LARGEST_UNPACKED = 100 * 1024 * 1024
HIGHEST_RATIO = 100
MOST_CELLS = 10_000_000
PLACE = re.compile("([A-Za-z]{1,7})([0-9]{1,9})", re.ASCII)


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
            refuse_other_formats(archive)
            refuse_wide_gaps(archive)
    except (
        zipfile.BadZipFile,
        ValueError,
        NotImplementedError,
        RuntimeError,
        OSError,
        zlib.error,
        EOFError,
        ExpatError,
    ):
        raise SheetError(N_("The file is not a workbook that can be read (XLSX)")) from None


def refuse_other_formats(archive: zipfile.ZipFile) -> None:
    """The reader would also take ODS and XLSB, whose repeated cells nothing here measures."""
    names = {name.lower().replace("\\", "/") for name in archive.namelist()}
    if names & {"content.xml", "xl/workbook.bin"}:
        raise ValueError("not XLSX")


def refuse_wide_gaps(archive: zipfile.ZipFile) -> None:
    """One cell at XFD1048576 makes the reader fill in 17 thousand million empty ones.

    It would not raise but abort the process. Which parts are sheets is the workbook's own word,
    so whatever could be one is measured, wherever it lies.
    """
    for entry in archive.infolist():
        part = whole(archive, entry)
        if b"sheetData" in part:
            extent = Extent()
            extent.measure(part)
            if extent.height * extent.width > MOST_CELLS:
                raise SheetError(N_("The workbook has cells far outside its table; remove them"))


def whole(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Unpack a part; one that is longer than it says was not counted, and is refused."""
    said = entry.file_size
    entry.file_size = said + 1  # or zipfile would stop reading just there
    with archive.open(entry) as part:
        data = part.read(said + 1)
    if len(data) != said:
        raise ValueError("a part lies about its size")
    return data


class Extent:
    """How far the cells of a sheet reach. A row or a cell without a place follows the last one."""

    def __init__(self) -> None:
        self.height = self.width = self.row = self.column = 0

    def measure(self, part: bytes) -> None:
        parser = ParserCreate()
        parser.StartElementHandler = self.meet
        parser.Parse(part, True)

    def meet(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        place = attributes.get("r")
        if name == "row":
            self.row, self.column = int(place) if place else self.row + 1, 0
        elif name == "c" and place:
            self.column, self.row = position(place)
        elif name == "c":
            self.column += 1
        self.height, self.width = max(self.height, self.row), max(self.width, self.column)


def position(place: str) -> tuple[int, int]:
    """Read "B7" as column 2, row 7; raise ValueError if it is no place."""
    found = PLACE.fullmatch(place)
    if not found:
        raise ValueError("not a cell's place")
    return column_number(found[1].upper()), int(found[2])


def column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
