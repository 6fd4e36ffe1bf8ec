"""Refused rows go back as a sheet that can be corrected and uploaded again."""

import pytest

from provisioning.registry import registry
from provisioning.sheet import check, read, refusals_sheet

LIST = (
    "mac;ramal;senha;servidor;nome\n0c383e000001;1;s;pbx;good\nbad;2;=1+1;pbx;@SUM(A1)\n"
    "0c383e000003;-3;;pbx;x;too;many\n"
)


def refused(kind, **more):
    sheet = check(read(LIST.encode(), "a.csv"), registry(), default_model="fanvil-x1sg")
    return read(refusals_sheet(sheet, kind, **more), f"a.{kind}")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_only_bad_rows_come_back_with_their_reason(kind):
    table = refused(kind)
    assert table.header == ("mac", "ramal", "senha", "servidor", "nome", "reason")
    assert [cells[0] for _, cells in table.rows] == ["bad", "0c383e000003"]
    assert "not a MAC address" in table.rows[0][1][5]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_no_cell_can_become_a_formula(kind):
    cells = [cell for _, row in refused(kind).rows for cell in row]
    assert "'=1+1" in cells
    assert "'@SUM(A1)" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_reasons_are_translated():
    assert refused("csv", translate=lambda reason: "porque sim").rows[0][1][5] == "porque sim"


def test_a_corrected_sheet_is_good():
    sheet = check(read(LIST.encode(), "a.csv"), registry(), default_model="fanvil-x1sg")
    text = refusals_sheet(sheet).decode().replace("bad;", "0c383e000002;")
    again = check(read(text.encode(), "a.csv"), registry(), default_model="fanvil-x1sg")
    assert again.rows[0].ok
    assert again.unknown_columns == ()
    assert again.rows[0].lines[0].password == "=1+1"
    assert refusals_sheet(again).decode("utf-8-sig").count("reason") == 1
