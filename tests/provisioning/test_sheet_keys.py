"""Keys in a sheet: key1, key2 … and a list in the column keys."""

import pytest

from provisioning.errors import SheetError
from provisioning.model import Key
from provisioning.registry import registry
from provisioning.sheet import check, read


def rows(header, *lines, model="yealink-t46s"):
    text = "\n".join((f"mac,ramal,senha,servidor,{header}", *lines))
    sheet = check(read(text.encode(), "x.csv"), registry(), default_model=model)
    return sheet.rows


def row(header, cells, model="yealink-t46s"):
    return rows(header, f"001565000001,1001,x,10.0.0.5,{cells}", model=model)[0]


@pytest.mark.parametrize("names", ["key1,key 2", "tecla1,Tecla 2", "touche 1,TOUCHE2"])
def test_single_keys_stand_at_the_place_of_their_column(names):
    found = row(names, "blf:1002:Alice,speed:0123")
    assert found.ok
    assert found.keys == (Key(0, 1, "blf", 1, "1002", "Alice"), Key(0, 2, "speed", 1, "0123"))


@pytest.mark.parametrize("name", ["keys", "teclas", "Touches"])
def test_a_list_of_keys_may_say_its_places(name):
    found = row(name, "blf:1002:Alice; 5=dnd; 1.2=park:700")
    assert [(key.module, key.position, key.kind) for key in found.keys] == [
        (0, 1, "blf"), (0, 5, "dnd"), (1, 2, "park"),
    ]  # fmt: skip


def test_an_empty_cell_sets_no_key():
    found = row("key1,key2,keys", ",,")
    assert found.ok and found.keys == ()


@pytest.mark.parametrize(
    ("header", "cells", "field", "words"),
    [
        ("key3", "dance:1", "key3", "Key 3: “dance” is not a kind of key"),
        ("key3", "1002", "key3", "Key 3: “1002” is none"),
        ("key3", "blf", "key3", "Key 3: a key of this kind needs a number"),
        ("key3", "blf:1;2", "key3", "Key 3: “1;2” is neither"),
        ("key3", "4=dnd", "key3", "Key 3: “4=dnd” is none"),
        ("key99", "dnd", "key99", "Key 99: Yealink T46S has no such key"),
        ("keys", "dnd; blf@2:7", "keys", "Key 2: there is no account on line 2"),
        ("key1,keys", "dnd,dnd", "keys", "Two keys stand at the place 1"),
    ],
)
def test_a_bad_key_refuses_its_row_and_names_its_column(header, cells, field, words):
    found = row(header, cells)
    assert [reason.field for reason in found.reasons] == [field]
    assert words in str(found.reasons[0])


def test_a_model_that_can_set_no_key_refuses_the_row():
    found = rows(
        "key1", "7c2f80000001,1001,x,10.0.0.5,dnd", model="gigaset-n670"
    )[0]  # fmt: skip
    assert "no key can be set by its file" in str(found.reasons[-1])


def test_the_same_key_twice_in_the_header_is_refused():
    with pytest.raises(SheetError, match="twice"):
        row("key1,tecla1", "dnd,dnd")
