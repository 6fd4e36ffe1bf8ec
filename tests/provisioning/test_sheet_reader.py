"""From bytes to a table: real sample files, other encodings, and files that are no sheets."""

import csv
import io
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import example, given
from hypothesis import strategies as st

from provisioning.errors import SheetError
from provisioning.registry import registry
from provisioning.sheet import check, read

SHEETS = Path(__file__).parent / "sheets"
HEADER = b"mac,ramal,senha,servidor\n"


def sample(name):
    return read((SHEETS / name).read_bytes(), name)


def test_trailing_tabs_and_a_missing_line_end_change_nothing():
    table = sample("predecessor.txt")
    assert [cells[3] for _, cells in table.rows] == ["192.168.0.10"] * 3
    assert (table.encoding, table.delimiter) == ("utf-8", ",")


@pytest.mark.parametrize(
    ("name", "encoding", "delimiter", "cell"),
    [
        ("portuguese-cp1252.csv", "cp1252", ";", "João Conceição"),
        ("french-utf8-bom.csv", "utf-8", ";", "Zoé Lefèvre"),
        ("excel-unicode-utf16.txt", "utf-16", "\t", "10.0.0.1"),
    ],
)
def test_it_recognises_encoding_and_delimiter(name, encoding, delimiter, cell):
    table = sample(name)
    assert (table.encoding, table.delimiter) == (encoding, delimiter)
    assert cell in table.rows[0][1]


def test_russian_in_cp1251_is_recognised():
    table = read("mac;ramal;senha;nome\n1;2;3;Иван Петров\n".encode("cp1251"), "a.csv")
    assert (table.encoding, table.rows[0][1][3]) == ("cp1251", "Иван Петров")


def test_a_person_may_choose_the_encoding():
    table = read(HEADER + b"1,2,\xe9,4", "a.csv", encoding="cp1251")
    assert table.rows[0][1][2] == "й"
    with pytest.raises(SheetError, match="cannot be read as hex"):
        read(HEADER, "a.csv", encoding="hex")


def test_blank_lines_count_in_the_numbers_people_see():
    table = sample("old-mac-line-ends.csv")
    assert [(n, cells[2]) for n, cells in table.rows] == [(2, "a,b"), (4, "abc")]


def test_a_workbook_is_read_from_its_first_sheet_with_data():
    table = sample("second-sheet.xlsx")
    assert table.header[:2] == ("mac", "extension")
    assert table.rows[0] == (4, ("0c383e0a0b01", "2001", "abc", "10.0.0.1", "2002", "def"))
    assert table.rows[1][1][0] == "802233445566"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \r\n\t\n", "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "binary"),
        (HEADER + b"a,\x01,c,d", "binary"),
        (HEADER + b'a,"b,c,d', "quotation mark"),
        (b"PK\x03\x04 not really", "not a workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 xls", "old XLS format"),
        (HEADER + b"a," + b"x" * 501, "longer than 500"),
        (b"a," * 64 + b"b", "64 columns"),
        (HEADER + b"a,b,c,d\n" * 50_001, "50000 rows"),
        (b"x" * (20 * 1024 * 1024 + 1), "larger than 20 MB"),
    ],
)
def test_it_says_why_a_file_cannot_be_read(data, words):
    with pytest.raises(SheetError, match=words):
        read(data, "a.csv")


def test_a_zip_bomb_is_refused_before_it_is_opened():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 50_000_000)
    with pytest.raises(SheetError, match="far too much data"):
        read(out.getvalue(), "a.xlsx")


def test_a_cell_in_the_far_corner_is_refused():
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        page = book.add_worksheet()
        page.write(0, 0, "mac")
        page.write(1_048_575, 16_383, "far")
    with pytest.raises(SheetError, match="far outside"):
        read(out.getvalue(), "a.xlsx")


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.xlsx", "a"]))
@example(b"PK\x03\x04" + b"\0" * 60, "a.csv")
def test_random_bytes_raise_nothing_but_sheet_errors(data, name):
    for body in (data, HEADER + data):
        try:
            check(read(body, name), registry())
        except SheetError as error:
            assert str(error)


CELL = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.lists(st.lists(CELL, min_size=4, max_size=4), max_size=5), st.sampled_from(",;\t"))
def test_what_csv_wrote_is_read_back_or_refused(rows, delimiter):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([["mac", "ramal", "senha", "servidor"], *rows])
    try:
        table = read(out.getvalue().encode(), "a.csv")
    except SheetError:
        return
    wanted = [trimmed(row) for row in rows]
    assert [list(cells) for _, cells in table.rows] == [row for row in wanted if row]


def trimmed(row):
    while row and not row[-1].strip():
        row = row[:-1]
    return [*row[:-1], row[-1].rstrip("\t")] if row else row
