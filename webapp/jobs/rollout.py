"""A roll-out: one phone, then some, then all; each stage only when the one before has come back.

Stages are moved by whichever worker looks first: every move is one guarded statement.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, and_, func, not_, or_, select, update

from provisioning.errors import N_
from webapp.chunks import chunks
from webapp.extensions import db
from webapp.jobs import pacing
from webapp.jobs.alerting import raise_alert
from webapp.jobs.rows import changed
from webapp.models import Phone, Run, RunStep

SHARE = 0.05  # of the second stage
LONG_AGO = datetime.min.replace(tzinfo=UTC)
NOT_BACK = N_("It did not come back with its new file in %(minutes)s minutes")
HALTED = N_(
    "%(failed)s of %(total)s phones of stage %(stage)s did not come back with their new file:"
    " the roll-out has halted itself"
)


def lay_out(run_id: int) -> None:
    """Say whose turn is when: first a phone that was seen lately, then some of every kind."""
    query = select(RunStep.id, Phone.fetched_at, reached(), Phone.model, Phone.site_id).join(
        Phone, Phone.id == RunStep.phone_id
    )
    rows = list(db.session.execute(query.where(RunStep.run_id == run_id)))
    if not rows:
        return
    seen = [row for row in rows if row.fetched_at and row.address] or rows
    canary = max(seen, key=lambda row: (row.fetched_at or LONG_AGO, -row.id)).id
    rest = sorted((row for row in rows if row.id != canary), key=spread)
    share = min(len(rest), max(1, round(len(rows) * SHARE)))
    second = {rest[number * len(rest) // share].id for number in range(share)} if rest else set()
    put(1, sorted(second))
    put(2, [row.id for row in rest if row.id not in second])


def reached() -> Any:
    return func.coalesce(Phone.address, Phone.fetched_address).label("address")


def spread(row: Any) -> tuple[bool, str, int, int]:
    """Phones that can be reached first, and equal ones side by side: every n-th is of another."""
    return not row.address, row.model, row.site_id, row.id


def put(stage: int, ids: list[int]) -> None:
    for part in chunks(ids):
        changed(update(RunStep).where(RunStep.id.in_(part)).values(stage=stage))


def look_after(run_id: int, now: datetime) -> None:
    """Note who came back and who is late, then go on, or halt. The caller commits."""
    run = db.session.get_one(Run, run_id, populate_existing=True)
    if run.kind != "rollout" or run.is_over:
        return
    note_the_returned(run_id, now)
    if run.state == "stopping":
        waiting = update(RunStep).where(RunStep.run_id == run_id, RunStep.state == "waiting")
        changed(waiting.values(state="stopped", ended_at=now))
    if run.state != "running":
        return
    counts: dict[str, int] = {
        row[0]: row[1] for row in db.session.execute(of_stage(run_id, run.stage))
    }
    failed, total = counts.get("failed", 0), sum(counts.values())
    if failed > tolerated(run, total):
        halt(run, failed, total, now)
    elif not any(counts.get(state) for state in ("queued", "running", "waiting")):
        go_on(run)


def note_the_returned(run_id: int, now: datetime) -> None:
    """A phone is back when it took the file of this run, or a newer one that is its newest."""
    waiting = update(RunStep).where(RunStep.run_id == run_id, RunStep.state == "waiting")
    back = list(db.session.scalars(returned(run_id)))
    for part in chunks(back):
        changed(waiting.where(RunStep.id.in_(part)).values(state="done", ended_at=now))
    run = db.session.get_one(Run, run_id)
    late = waiting.where(RunStep.due_at < now)
    params = {"minutes": minutes(run)}
    changed(
        late.values(state="failed", outcome="late", message=NOT_BACK, params=params, ended_at=now)
    )


def returned(run_id: int) -> Select[int]:
    took = or_(
        Phone.fetched_revision_id == RunStep.revision_id,
        and_(Phone.is_in_state("current"), Phone.revision_id >= RunStep.revision_id),
    )
    query = select(RunStep.id).join(Phone, Phone.id == RunStep.phone_id)
    return query.where(RunStep.run_id == run_id, RunStep.state == "waiting", took)


def of_stage(run_id: int, stage: int) -> Select[str, int]:
    query = select(RunStep.state, func.count()).group_by(RunStep.state)
    return query.where(RunStep.run_id == run_id, RunStep.stage == stage)


def minutes(run: Run) -> float:
    found = float((run.options or {}).get("minutes") or 10)
    return int(found) if found == int(found) else found


def tolerated(run: Run, total: int) -> float:
    """How many phones of the stage may stay away: none of the first, then so many in a hundred."""
    options = run.options or {}
    if options.get("continued") == run.stage:
        return total
    return 0 if run.stage == 0 else total * float(options.get("percent", 10)) / 100


def go_on(run: Run) -> None:
    """Begin the next stage that has phones; the last one is followed by the end of the run."""
    following = select(func.min(RunStep.stage)).where(
        RunStep.run_id == run.id, RunStep.state == "queued", RunStep.stage > run.stage
    )
    stage = db.session.scalar(following)
    if stage is None:
        return
    move = update(Run).where(Run.id == run.id, Run.stage == run.stage, Run.state == "running")
    if changed(move.values(stage=stage)):
        pacing.schedule(run.id)


def halt(run: Run, failed: int, total: int, now: datetime) -> None:
    params = {"failed": failed, "total": total, "stage": run.stage + 1}
    still = update(Run).where(Run.id == run.id, Run.stage == run.stage, Run.state == "running")
    if changed(still.values(state="halted", message=HALTED, params=params)):
        raise_alert("rollout", str(run), HALTED_ALERT, params | {"run": str(run)})


HALTED_ALERT = N_(
    "Roll-out %(run)s has halted itself: %(failed)s of %(total)s phones of stage %(stage)s did not"
    " come back with their new file"
)


def carry_on(run: Run) -> bool:
    """Go on in spite of who is missing in this stage. The caller commits."""
    options = (run.options or {}) | {"continued": run.stage}
    halted = update(Run).where(Run.id == run.id, Run.state == "halted")
    if not changed(halted.values(state="running", message=None, params=None, options=options)):
        return False
    pacing.schedule(run.id)
    return True


def to_take_back(run_id: int) -> Select[Phone]:
    """Phones that got a new file by this roll-out, still have it, and had one before."""
    stepped = select(RunStep.phone_id).where(
        RunStep.run_id == run_id,
        RunStep.before_id.is_not(None),
        not_(RunStep.before_id == RunStep.revision_id),
    )
    newest = select(RunStep.revision_id).where(RunStep.run_id == run_id)
    return select(Phone).where(Phone.id.in_(stepped), Phone.revision_id.in_(newest))
