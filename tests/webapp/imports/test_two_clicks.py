"""Two people, or one impatient one, press a button of the same upload at the same moment."""

import pytest
from sqlalchemy import select, update

from tests.webapp.imports.test_imports import LIST
from webapp.extensions import db
from webapp.imports import services
from webapp.imports.undo import undo
from webapp.models import SheetImport, Site


@pytest.fixture
def draft(everywhere):
    site = db.session.scalar(select(Site))
    choices = services.Choices(model="fanvil-x1sg", site=site)
    found = services.upload(LIST, "phones.txt", None, choices)
    db.session.commit()
    return found


def meanwhile(draft, state):
    """Another request has got there first; ours read the row before that."""
    number = draft.id
    assert draft.state
    with db.engine.begin() as other:
        other.execute(update(SheetImport).where(SheetImport.id == number).values(state=state))


@pytest.mark.parametrize(
    ("before", "deed", "after"),
    [
        ("draft", services.confirm, "committing"),
        ("draft", services.cancel, "committing"),
        ("draft", services.confirm, "cancelled"),
        ("committed", undo, "undone"),
    ],
)
def test_the_second_sees_what_the_first_did(draft, before, deed, after):
    draft.state = before
    db.session.commit()
    if db.engine.dialect.name == "sqlite":
        db.session.refresh(draft)
        db.session.connection().connection.rollback()  # a reader holds no lock on the others
    else:
        db.session.refresh(draft)
    meanwhile(draft, after)
    with pytest.raises(services.ImportStateError):
        deed(draft)
    db.session.rollback()
    assert draft.state == after
