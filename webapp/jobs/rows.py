"""How many rows a statement met: what a guard looks at."""

from typing import cast

from sqlalchemy import CursorResult, Delete, Update

from webapp.extensions import db


def changed(statement: Update | Delete) -> int:
    quiet = statement.execution_options(synchronize_session=False)
    return cast("CursorResult[object]", db.session.execute(quiet)).rowcount
