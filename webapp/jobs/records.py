"""What is written of pushes and of the ends of their steps. The caller commits."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, bindparam, update

from provisioning.errors import N_
from provisioning.transports.push import Pushed
from webapp.extensions import db, utcnow
from webapp.jobs.crew import Told
from webapp.jobs.rows import changed
from webapp.models import Delivery, RunStep

STEPS: Table = RunStep.__table__  # type: ignore[assignment]
DELIVERIES: Table = Delivery.__table__  # type: ignore[assignment]
LOST = N_("The worker ended before the phone had answered: it was tried again")
LIMIT_MINUTES = 10


def forget_the_lost(run_id: int, phone_ids: Sequence[int | None]) -> None:
    """Close the records of a worker that was killed while it pushed."""
    if phone_ids:
        changed(
            update(Delivery)
            .where(
                Delivery.run_id == run_id,
                Delivery.phone_id.in_(phone_ids),
                Delivery.success.is_(None),
            )
            .values(success=False, message=LOST, params={})
        )


def unreached(
    step_id: int,
    token: str,
    message: str,
    params: dict[str, object] | None,
    staged: bool,
    options: dict[str, Any],
) -> dict[str, Any]:
    """It failed; but in a roll-out a person may have chosen to wait until it comes by itself."""
    if staged and options.get("wait"):
        return row(step_id, token, "waiting", "alone", message, params, deadline(options))
    return row(step_id, token, "failed", "failed", message, params)


def deadline(options: dict[str, Any]) -> datetime:
    return utcnow() + timedelta(minutes=float(options.get("minutes") or LIMIT_MINUTES))


def row(
    step_id: int,
    token: str | None,
    state: str,
    outcome: str,
    message: str = "",
    params: dict[str, object] | None = None,
    due_at: datetime | None = None,
) -> dict[str, Any]:
    over = state in ("done", "failed", "stopped")
    return {
        "its_id": step_id,
        "its_token": token,
        "state": state,
        "outcome": outcome,
        "message": message,
        "params": plain(params or {}),
        "ended_at": utcnow() if over else None,
        "due_at": due_at,
        "worker": None,
        "leased_until": None,
    }


def write_ends(rows: Sequence[dict[str, Any]]) -> None:
    """Only while the lease is ours: what another worker has taken meanwhile is its to end."""
    if not rows:
        return
    statement = update(STEPS).where(
        STEPS.c.id == bindparam("its_id"),
        STEPS.c.worker == bindparam("its_token"),
        STEPS.c.state == "running",
    )
    db.session.connection().execute(statement, list(rows))


def write_notes(heard: Iterable[Told]) -> None:
    """The newest word of each; the others were overtaken."""
    newest = {told.number: told for told in heard}
    rows = [
        {"its_id": told.number, "message": told.message, "params": plain(told.params)}
        for told in newest.values()
    ]
    if rows:
        statement = update(DELIVERIES).where(
            DELIVERIES.c.id == bindparam("its_id"), DELIVERIES.c.success.is_(None)
        )
        db.session.connection().execute(statement, rows)


def write_outcomes(ends: Iterable[Told]) -> None:
    rows = [outcome_row(told.number, told.pushed) for told in ends if told.pushed]
    if rows:
        statement = update(DELIVERIES).where(DELIVERIES.c.id == bindparam("its_id"))
        db.session.connection().execute(statement, rows)


def outcome_row(number: int, pushed: Pushed) -> dict[str, Any]:
    return {
        "its_id": number,
        "success": pushed.success,
        "code": pushed.code,
        "message": pushed.message,
        "params": plain(pushed.params),
        "milliseconds": pushed.milliseconds,
    }


def plain(params: dict[str, object]) -> dict[str, Any]:
    return {name: v if isinstance(v, int | float) else str(v) for name, v in params.items()}
