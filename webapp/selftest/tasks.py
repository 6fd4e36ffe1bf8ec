"""A self-test is the worker's: it takes half a minute."""

from collections.abc import Iterable
from datetime import datetime

from webapp.audit import acting_as
from webapp.extensions import db
from webapp.jobs.queue import task
from webapp.models import SelfTest
from webapp.selftest import services

TASK = "selftest"


def unfinished(since: datetime) -> Iterable[int]:
    return db.session.scalars(SelfTest.unfinished(since))


@task(TASK, unfinished)
def perform(number: int) -> None:
    """Called again for one whose worker was killed, it starts from the beginning."""
    test = db.session.get(SelfTest, number)
    if test is not None and not test.is_over:
        user = test.user
        with acting_as(user.name if user else "worker", user.id if user else None):
            services.run(test)
