"""Attack yourself: the page."""

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp import htmx
from webapp.access import needs
from webapp.extensions import db
from webapp.jobs.queue import enqueue
from webapp.models import SelfTest
from webapp.selftest import services
from webapp.selftest.tasks import TASK

bp = Blueprint("selftest", __name__, url_prefix="/selftest")
SHOWN = 10


@bp.get("/")
@needs("logs.read")
def index() -> ResponseReturnValue:
    tests = db.session.scalars(SelfTest.newest_first().limit(SHOWN)).all()
    return htmx.render(
        "selftest/index.html",
        "selftest/_result.html",
        test=tests[0] if tests else None,
        earlier=tests[1:],
    )


@bp.post("/")
@needs("settings.write")
def start() -> ResponseReturnValue:
    """One at a time: two would take each other's decoys away."""
    newest = db.session.scalar(SelfTest.newest_first().limit(1))
    if newest is not None and not newest.is_over:
        flash(_("A self-test is running already"), "info")
        return redirect(url_for("selftest.index"), 303)
    test = services.create(user_id=current_user.id)
    db.session.commit()
    enqueue(TASK, test.id)
    return redirect(url_for("selftest.index"), 303)
