"""Rows are good or carry words a person can act on; no words carry a password."""

from pathlib import Path

import pytest

from provisioning.errors import SheetError
from provisioning.registry import registry
from provisioning.sheet import check, read

SHEETS = Path(__file__).parent / "sheets"
MAC = "0c383e000001"


def checked(text, model="fanvil-x1sg", server="", **more):
    table = read(text.encode(), "list.csv")
    return check(table, registry(), default_model=model, default_server=server, **more)


def row_of(line, header="mac,ramal,senha,servidor", **defaults):
    return checked(f"{header}\n{line}", **defaults).rows[0]


def words(row):
    return " | ".join(map(str, row.reasons))


def test_columns_in_french_and_any_order():
    table = read((SHEETS / "french-utf8-bom.csv").read_bytes(), "a.csv")
    (row,) = check(table, registry()).rows
    assert (row.ok, row.mac, row.model) == (True, "00908f0a0b01", "audiocodes-405hd")
    line = row.lines[0]
    assert (line.user, line.password, line.display_name) == ("2001", "abc123", "Zoé Lefèvre")
    assert line.server == "sip.example.net:5080"


def test_unknown_columns_are_reported_and_harmless():
    sheet = checked(f"mac,ramal,senha,servidor,Sala,reason\n{MAC},1,s,10.0.0.1,5,old words")
    assert sheet.unknown_columns == ("Sala",)
    assert sheet.rows[0].ok


def test_a_missing_column_names_what_is_expected():
    with pytest.raises(SheetError) as caught:
        checked("mac,ramal\n1,2")
    assert "Expected header: mac,ramal,senha,servidor" in str(caught.value)
    assert "Missing: password, server" in str(caught.value)


def test_the_server_column_may_be_missing_when_a_server_is_chosen():
    row = row_of(f"{MAC},1,s", "mac,ramal,senha", server="pbx.example.net")
    assert (row.ok, row.lines[0].server) == (True, "pbx.example.net")


def test_rows_say_it_where_the_missing_server_column_is_no_error():
    row = row_of(f"{MAC},1,s", "mac,ramal,senha", server_needed=False)
    assert words(row) == "The SIP server is missing"


def test_a_known_server_is_named_with_blanks_in_any_case():
    row = row_of(f"{MAC},1,s,MY pbx", known_servers={"my pbx"})
    assert (row.ok, row.lines[0].server) == (True, "MY pbx")
    assert "neither a host name" in words(row_of(f"{MAC},1,s,Your PBX", known_servers={"my pbx"}))


def test_a_column_that_stands_twice_is_refused():
    with pytest.raises(SheetError, match="twice"):
        checked("mac,ramal,extension,senha,servidor\n")


def test_damage_by_a_spreadsheet_is_repaired_or_refused():
    table = read((SHEETS / "damaged-by-spreadsheet.csv").read_bytes(), "a.csv")
    lost, repaired, short, password = check(table, registry(), default_model="x1sg").rows
    assert "format the column as text" in words(lost)
    assert repaired.ok
    assert (repaired.mac, repaired.lines[0].user) == ("0c383e0a0b02", "2002")
    assert len(repaired.notes) == 2
    assert "5 of 12 digits" in words(short)
    assert "turned the password into a number" in words(password)
    assert "1,2E+12" not in words(password)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"{MAC},1001,s", "3 instead of 4"),
        (f"{MAC},1001,s,10.0.0.1,x", "5 instead of 4"),
        (f"{MAC},,s,10.0.0.1", "extension is missing"),
        (f"{MAC},1001,,10.0.0.1", "password is missing"),
        ("../x,1001,s,10.0.0.1", "not a MAC address"),
        ("ffffffffffff,1001,s,10.0.0.1", "for groups"),
        ("01005e000001,1001,s,10.0.0.1", "for groups"),
        ("000000000000,1001,s,10.0.0.1", "for groups"),
        ("00908f000001,1001,s,10.0.0.1", "one of AudioCodes, but the model is Fanvil X1SG"),
        (f"{MAC},1001,s,not a host", "neither a host name"),
        (f"{MAC},1001,s,10.0.0.300", "neither a host name"),
        (f"{MAC},1001,s,pbx:99999", "neither a host name"),
        (f"{MAC},1E+3,s,10.0.0.1", "format the column as text"),
    ],
)
def test_a_bad_row_says_why(line, reason):
    assert reason in words(row_of(line))


@pytest.mark.parametrize("server", ["pbx", "10.0.0.1:5080", "[2001:db8::1]:5061", "2001:db8::1"])
def test_servers_are_names_or_addresses(server):
    assert row_of(f"{MAC},1001,s,{server}").ok


def test_an_unknown_maker_is_only_noted():
    row = row_of("020000000001,1001,s,10.0.0.1")
    assert row.ok
    assert "No maker" in str(row.notes[0])


def test_an_unknown_model_is_refused_with_near_names():
    row = row_of(f"{MAC},1,s,pbx,X1SGG", "mac,ramal,senha,servidor,modelo")
    assert "Fanvil X1SG" in words(row)


def test_a_row_needs_a_model_from_somewhere():
    assert "model is missing" in words(row_of(f"{MAC},1,s,pbx", model=""))


def test_the_second_row_with_a_mac_names_the_first():
    sheet = checked(f"mac,ramal,senha,servidor\n{MAC},1,s,pbx\n0C:38:3E:00:00:01,2,s,pbx")
    assert sheet.rows[0].ok
    assert "already in line 2" in words(sheet.rows[1])


def test_a_shared_line_is_noted():
    sheet = checked(f"mac,ramal,senha,servidor\n{MAC},1,s,pbx\n0c383e000002,1,s,pbx")
    assert sheet.rows[1].ok
    assert "shared line" in str(sheet.rows[1].notes[0])


def test_a_second_line_registers_where_the_first_does():
    row = row_of(f"{MAC},1,s,pbx,2,t", "mac,ramal,senha,servidor,ramal2,senha2")
    assert row.ok
    assert [(x.number, x.user, x.server) for x in row.lines] == [(1, "1", "pbx"), (2, "2", "pbx")]


def test_more_lines_than_the_model_has_are_refused():
    row = row_of(f"{MAC},1,s,pbx,9,t", "mac,ramal,senha,servidor,ramal19,senha19")
    assert "there is no line 19" in words(row)


def test_one_server_for_all_lines_where_the_model_wants_it():
    header = "mac,ramal,senha,servidor,ramal2,senha2,servidor2"
    row = row_of("00908f000001,1,s,pbx,2,t,other", header, model="405hd")
    assert "at one SIP server" in words(row)


def test_a_value_the_file_cannot_carry_names_its_field():
    row = row_of(f'{MAC},1,s,pbx,"a\nb"', "mac,ramal,senha,servidor,nome", model="fanvil-x1sg")
    bad = row_of('00908f000001,1,"se\ncret",pbx', model="405hd")
    assert "password" in words(bad)
    assert "cret" not in words(bad)
    assert row.ok or "display name" in words(row)


def test_blanks_around_values_are_noted():
    row = row_of(f" {MAC} ,1001 ,s,10.0.0.1")
    assert row.ok
    assert row.lines[0].user == "1001"
    assert "Blanks" in str(row.notes[0])


def test_no_password_is_in_a_representation():
    assert "s3cret" not in repr(checked(f"mac,ramal,senha,servidor\n{MAC},1,s3cret,pbx"))


def test_cells_are_known_by_their_field():
    row = row_of("nonsense,1,s,pbx")
    assert (row.cells["mac"], row.cells["extension"]) == ("nonsense", "1")
