"""Small workbooks that would take the memory of the process, which no one can catch."""

import io
import struct
import zipfile

import pytest
import xlsxwriter

from provisioning.errors import SheetError
from provisioning.sheet.reader import read

FIRST = '<row r="1"><c r="A1"><v>1</v></c></row>'
ODS = """<document-content xmlns="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><body><spreadsheet>
<table:table table:name="S"><table:table-row><table:table-cell value-type="float" value="1"
table:number-columns-repeated="1000000"/></table:table-row></table:table>
</spreadsheet></body></document-content>"""


def workbook(rows, path="worksheets/sheet1.xml", more=()):
    """A real workbook with another sheet in it; noise keeps the ratio of packing ordinary."""
    out, changed = io.BytesIO(), io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.add_worksheet().write(0, 0, 1)
    with (
        zipfile.ZipFile(out) as archive,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in archive.namelist():
            if name != "xl/worksheets/sheet1.xml":
                body = archive.read(name)
                new.writestr(name, body.replace(b"worksheets/sheet1.xml", path.encode()))
        new.writestr(f"xl/{path}", f"<worksheet><sheetData>{rows}</sheetData></worksheet>")
        new.writestr("noise.txt", bytes(range(256)) * 4, zipfile.ZIP_STORED)
        for name, body in more:
            new.writestr(name, body)
    return changed.getvalue()


def saying(data, name, size):
    """The same archive whose table of contents says that the part is so long."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        start = archive.start_dir
    place = data.index(name.encode(), start) - 46
    assert data[place : place + 4] == b"PK\x01\x02"
    return data[: place + 24] + struct.pack("<I", size) + data[place + 28 :]


def test_the_harmless_one_is_read():
    assert read(workbook(FIRST), "a.xlsx").header == ("1",)


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="1048576"><c r="xfd1048576"><v>1</v></c></row>',
        '<row r="4294967295"><c><v>1</v></c></row>',
        '<row r="1048576">' + "<c><v>1</v></c>" * 200 + "</row>",
        '<x:row xmlns:x="x" r="99999999"><x:c><v>1</v></x:c></x:row>',
    ],
    ids=["lower case", "far row", "cells without a place", "prefixed"],
)
def test_a_far_cell_is_refused_however_it_is_written(rows):
    with pytest.raises(SheetError, match="far outside"):
        read(workbook(FIRST + rows), "a.xlsx")


@pytest.mark.parametrize("path", ["elsewhere/s.xml", "worksheets/s.png"])
def test_a_far_cell_is_refused_wherever_the_sheet_lies(path):
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    with pytest.raises(SheetError, match="far outside"):
        read(workbook(FIRST + far, path), "a.xlsx")


def test_a_part_that_is_longer_than_it_says_is_refused():
    strings = "<sst>" + "<si><t>a</t></si>" * 1000 + "</sst>"
    data = workbook(FIRST, more=[("xl/strings.xml", strings)])
    assert read(data, "a.xlsx").header == ("1",)
    with pytest.raises(SheetError, match="not a workbook"):
        read(saying(data, "xl/strings.xml", 10), "a.xlsx")


@pytest.mark.parametrize("place", ["A", "1", "A1B", "ÀÀ1", ""])
def test_a_cell_at_no_place_is_refused_or_counted(place):
    rows = f'<row r="1"><c r="{place}"><v>1</v></c></row>'
    try:
        read(workbook(rows), "a.xlsx")
    except SheetError as error:
        assert "not a workbook" in str(error)


def test_a_document_of_another_office_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", ODS)
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    with pytest.raises(SheetError, match="not a workbook"):
        read(out.getvalue(), "a.xlsx")
