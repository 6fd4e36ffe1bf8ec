"""How the phones stand today: a row a day, from which the dashboard draws its charts."""

from datetime import UTC, datetime, time

from sqlalchemy import ColumnElement, case, func, select

from webapp import fleet
from webapp.extensions import db, utcnow
from webapp.models import DayCount, Fetch, Phone


def count_today() -> DayCount:
    """Write today's row, or write it anew. One worker at a time; the caller commits."""
    today = utcnow().date()
    row = db.session.get(DayCount, today) or DayCount(day=today)
    figures = db.session.execute(select(*by_state())).one()
    row.current, row.stale, row.never, row.silent = (int(figure) for figure in figures)
    row.fetches, row.refused = fetches_since(datetime.combine(today, time(), UTC))
    db.session.add(row)
    return row


def by_state() -> tuple[ColumnElement[int], ...]:
    """Each phone is counted once: one that is silent is nothing else."""
    silent = Phone.is_silent(fleet.silent_since())
    awake = (Phone.is_in_state(state) & ~silent for state in ("current", "stale"))
    never = Phone.is_in_state("never")
    return tuple(
        func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
        for condition in (*awake, never, silent)
    )


def fetches_since(midnight: datetime) -> tuple[int, int]:
    refused = func.coalesce(func.sum(case((Fetch.reason != "", 1), else_=0)), 0)
    total, bad = db.session.execute(select(func.count(), refused).where(Fetch.at >= midnight)).one()
    return total - bad, bad
