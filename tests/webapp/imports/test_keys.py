"""Keys that come with an upload: added, changed, taken back."""

from sqlalchemy import func, select

from tests.webapp.imports.test_imports import upload
from webapp.extensions import db
from webapp.function_keys import plain
from webapp.imports import services
from webapp.imports.commit import commit
from webapp.imports.services import ImportStateError
from webapp.imports.undo import undo
from webapp.models import FunctionKey, Phone

HEAD = b"mac,ramal,senha,servidor,key1,keys\n"
FIRST = HEAD + b"0C383E000001,1001,one,10.0.0.5,blf:1002:Alice,2=dnd\n"


def written(body):
    draft = upload(body)
    commit(draft)
    db.session.commit()
    return draft


def keys():
    rows = db.session.scalars(select(FunctionKey).order_by(FunctionKey.position))
    return [(key.position, key.kind, key.value, key.label) for key in map(plain, rows)]


def test_keys_come_in_with_their_phone_and_go_with_it(everywhere):
    draft = written(FIRST)
    assert keys() == [(1, "blf", "1002", "Alice"), (2, "dnd", "", "")]
    undo(draft)
    db.session.commit()
    assert keys() == []
    assert db.session.scalar(select(func.count()).select_from(Phone)) == 0


def test_a_later_upload_changes_only_the_keys_it_names_and_is_taken_back(everywhere):
    written(FIRST)
    second = upload(HEAD + b"0C383E000001,1001,one,10.0.0.5,speed:0123,\n")
    [planned] = services.preview(second).rows
    assert planned.changes == {"key 1": ("1=blf:1002:Alice", "1=speed:0123")}
    commit(second)
    db.session.commit()
    assert keys() == [(1, "speed", "0123", ""), (2, "dnd", "", "")]
    undo(second)
    db.session.commit()
    assert keys() == [(1, "blf", "1002", "Alice"), (2, "dnd", "", "")]


def test_the_same_keys_again_change_nothing(everywhere):
    written(FIRST)
    assert services.preview(upload(FIRST)).counts["unchanged"] == 1


def test_a_sheet_without_keys_leaves_them(everywhere):
    written(FIRST)
    changed = b"mac,ramal,senha,servidor,label\n0C383E000001,1001,one,10.0.0.5,Desk\n"
    draft = written(changed)
    assert len(keys()) == 2
    undo(draft)
    db.session.commit()
    assert len(keys()) == 2


def test_a_key_changed_by_hand_since_keeps_the_upload_from_being_undone(everywhere):
    draft = written(FIRST)
    db.session.scalar(select(FunctionKey).where(FunctionKey.position == 1)).value = "1003"
    db.session.commit()
    try:
        undo(draft)
    except ImportStateError as error:
        assert "changed by hand" in str(error)
    else:
        raise AssertionError("it was undone")
