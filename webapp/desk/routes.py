"""The overview: how the phones are, and what to do next."""

from collections import Counter
from datetime import timedelta

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import ColumnElement, func, select

from webapp import fleet
from webapp.access import signed_in
from webapp.extensions import db, utcnow
from webapp.models import Alert, DayCount, Fetch, Phone, Run, RunStep, Site, Stray

bp = Blueprint("desk", __name__)
HOURS, DAYS = 24, 30


@bp.get("/")
@signed_in
def index() -> ResponseReturnValue:
    if not current_user.may("phones.read"):
        return render_template("desk/index.html", states=None)
    states = [int(n) for n in db.session.execute(select(*Phone.by_state())).one()]
    return render_template(
        "desk/index.html",
        states=states,
        sites=db.session.scalar(select(func.count(Site.id))),
        strays=db.session.scalar(select(func.count(Stray.id))),
        alerts=open_alerts(),
        runs=db.session.scalars(Run.newest_first().limit(5)).all(),
        failures=failures(),
        fetches=db.session.scalars(Fetch.newest_first().limit(8)).all(),
        hours=fetches_by_hour(),
        silent=count(Phone.is_silent(fleet.silent_since())),
        silent_days=fleet.silent_days(),
        vulnerable=count(fleet.is_advised("vulnerable", select(Phone))),
        days=days(),
    )


def open_alerts() -> int:
    return db.session.scalar(Alert.waiting()) or 0 if current_user.may("logs.read") else 0


def count(condition: ColumnElement[bool]) -> int:
    return db.session.scalar(select(func.count(Phone.id)).where(condition)) or 0


def days() -> list[DayCount]:
    """The last thirty days that were counted, oldest first."""
    first = (utcnow() - timedelta(days=DAYS - 1)).date()
    return list(db.session.scalars(DayCount.since(first)))


def failures() -> int:
    """Failed steps of runs in the last day."""
    since = utcnow() - timedelta(days=1)
    query = select(func.count()).where(RunStep.state == "failed", RunStep.ended_at > since)
    return db.session.scalar(query) or 0


def fetches_by_hour() -> list[int]:
    """Fetches of the last 24 hours, oldest hour first; counted by index ranges, one an hour."""
    now = utcnow()
    counts: Counter[int] = Counter()
    for hour in range(HOURS):
        newer, older = now - timedelta(hours=hour), now - timedelta(hours=hour + 1)
        query = select(func.count()).where(Fetch.at > older, Fetch.at <= newer)
        counts[hour] = db.session.scalar(query) or 0
    return [counts[hour] for hour in reversed(range(HOURS))]
