"""What a spreadsheet makes of our exports, in any country."""

import csv

import pytest

from webapp.csv_export import lines, safe

FORMULA = "=cmd|' /C calc'!A0"


@pytest.mark.parametrize("start", ["", " ", "\u00a0", "\t", "\n"])
def test_no_cell_begins_a_formula(start):
    assert safe(start + FORMULA).startswith("'")


@pytest.mark.parametrize("between", [";", "; ", ";\u00a0", ";'", ';"', "\n", "\t"])
def test_no_part_of_a_cell_begins_one_where_semicolons_separate(between):
    text = "".join(lines([["Fanvil X1SG" + between + FORMULA, "b"]])).removeprefix("\ufeff")
    for row in csv.reader(text.splitlines(), delimiter=";"):
        for cell in row:
            assert not cell.lstrip(" '\"\u00a0").startswith("=") or "'=" in cell


def test_an_ordinary_user_agent_stays_as_it_is():
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 -x=1"
    assert safe(agent) == agent
