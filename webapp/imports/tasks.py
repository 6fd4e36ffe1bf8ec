"""What the worker does for uploads."""

import logging
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select

from provisioning.errors import ProvisioningError
from webapp.audit import acting_as
from webapp.extensions import db
from webapp.imports import commit as committing
from webapp.jobs.queue import task
from webapp.models import SheetImport

log = logging.getLogger("belldesk.imports")
COMMIT = "imports.commit"


def unfinished(since: datetime) -> Iterable[int]:
    """Uploads that were confirmed before then and are not written yet."""
    waiting = SheetImport.state == "committing"
    return db.session.scalars(select(SheetImport.id).where(waiting, SheetImport.created_at < since))


@task(COMMIT, unfinished)
def commit(number: int) -> None:
    """Write the phones in one transaction. Called twice it finds the state changed and leaves."""
    db.session.execute(select(SheetImport.id).where(SheetImport.id == number).with_for_update())
    draft = db.session.get(SheetImport, number, populate_existing=True)
    if draft is None or draft.state != "committing":
        db.session.rollback()
        return
    user = draft.user
    with acting_as(user.name if user else "system", user.id if user else None):
        try:
            committing.commit(draft)
            db.session.commit()
        except ProvisioningError as error:
            db.session.rollback()
            fail(number, error)


def fail(number: int, error: ProvisioningError) -> None:
    draft = db.session.get(SheetImport, number)
    if draft is not None:
        draft.fail(error.message, error.params)
        db.session.commit()
