"""How often a run's page asks the database."""

import pytest
from sqlalchemy import event, select

from tests.webapp.jobs.phones import make_phones
from webapp.extensions import db, utcnow
from webapp.models import RunStep
from webapp.runs import services


@pytest.mark.parametrize("page", ["", "/failures"])
def test_many_failures_of_phones_without_a_label_take_no_more_queries_than_two(alice, page):
    asked = []
    event.listen(db.engine, "before_cursor_execute", lambda *about: asked.append(about[2]))

    def queries(phones):
        run = services.start(phones, None)
        db.session.flush()
        for step in db.session.scalars(select(RunStep).where(RunStep.run_id == run.id)):
            step.state, step.message, step.ended_at = "failed", "x", utcnow()
        db.session.commit()
        address = f"/runs/{run.id}{page}"
        db.session.remove()
        asked.clear()
        assert alice.get(address).status_code == 200
        return len(asked)

    phones = make_phones(12)
    assert queries(phones) == queries(phones[:2])
