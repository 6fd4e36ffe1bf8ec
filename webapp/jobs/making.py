"""The first half of a step: what becomes of the phones' files. One batch, all or nothing."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import select, update

from provisioning.errors import N_
from webapp import provision
from webapp.extensions import db, utcnow
from webapp.jobs.folder import write_folder
from webapp.jobs.leases import hold
from webapp.models import Phone, Revision, Run, RunStep
from webapp.provision import Outcome

Make = Callable[[Sequence[RunStep], Sequence[Phone]], list[Outcome]]


def render(steps: Sequence[RunStep], phones: Sequence[Phone]) -> list[Outcome]:
    run_id = steps[0].run_id
    return provision.revise(phones, run_id=run_id, origin=f"run {run_id}")


def keep(steps: Sequence[RunStep], phones: Sequence[Phone]) -> list[Outcome]:
    """A phone is to take what it has already; without a file there is nothing to take."""
    return [
        Outcome(phone.id, "unchanged", phone.revision_id)
        if phone.revision_id
        else Outcome(phone.id, "failed", None, N_("No file was made for it yet: provision it"))
        for phone in phones
    ]


def render_and_remember(steps: Sequence[RunStep], phones: Sequence[Phone]) -> list[Outcome]:
    """Render, but note first to which revision the way back leads."""
    before = {phone.id: phone.revision_id for phone in phones}
    for step in steps:
        if step.revision_id is None and step.phone_id in before:
            step.before_id = before[step.phone_id]
    return render(steps, phones)


def go_back(steps: Sequence[RunStep], phones: Sequence[Phone]) -> list[Outcome]:
    """Make the revision of before the roll-out the newest again, unless that was done already."""
    provision.lock({phone.id for phone in phones})
    before = before_roll_out(steps[0].run_id, [phone.id for phone in phones])
    wanted = {step.phone_id: step for step in steps}
    outcomes = []
    for phone in phones:
        step = wanted[phone.id]
        if step.revision_id is not None:
            outcomes.append(Outcome(phone.id, "unchanged", step.revision_id))
            continue
        number = before.get(phone.id)
        older = db.session.get(Revision, number) if number else None
        if older is None:
            words = N_("It had no file before the roll-out that it could go back to")
            outcomes.append(Outcome(phone.id, "failed", None, words))
            continue
        outcomes.append(Outcome(phone.id, "new", provision.roll_back(phone, older).id))
    return outcomes


def before_roll_out(run_id: int, phone_ids: Sequence[int]) -> dict[int, int]:
    """Which revision each phone had before the roll-out that this run takes back."""
    run = db.session.get_one(Run, run_id)
    query = select(RunStep.phone_id, RunStep.before_id).where(
        RunStep.run_id == (run.options or {}).get("of"), RunStep.phone_id.in_(phone_ids)
    )
    return {row[0]: row[1] for row in db.session.execute(query) if row[0] and row[1]}


def end(token: str, steps: Sequence[RunStep], make: Make, pushes: bool = False) -> None:
    """Make the files and tick off, in one transaction that the caller commits.

    With `pushes` only what failed is at its end: the rest is still to be told to the phones.
    """
    wanted = {step.phone_id: step.id for step in steps if step.phone_id is not None}
    phones = list(db.session.scalars(select(Phone).where(Phone.id.in_(wanted))))
    outcomes = make(steps, phones)
    hold(token, [step.id for step in steps])
    outcomes = write_folder(phones, outcomes)
    now = utcnow()
    rows = [ended(wanted[outcome.phone_id], outcome, now, pushes) for outcome in outcomes]
    gone = {step.id for step in steps} - {row["id"] for row in rows}
    rows += [
        {"id": number, "state": "stopped", "outcome": "gone", "ended_at": now, "worker": None}
        for number in sorted(gone)
    ]
    for group in (
        [row for row in rows if row["state"] == state]
        for state in ("done", "failed", "stopped", "running")
    ):
        if group:
            db.session.execute(update(RunStep), group)


def ended(step_id: int, outcome: Outcome, now: datetime, pushes: bool) -> dict[str, object]:
    row: dict[str, object] = {"id": step_id, "outcome": outcome.word}
    row |= {"revision_id": outcome.revision_id}
    if outcome.word == "failed":
        params = {key: str(value) for key, value in (outcome.params or {}).items()}
        row |= {"state": "failed", "message": outcome.message, "params": params}
    elif pushes:
        return row | {"state": "running"}
    else:
        row |= {"state": "done"}
    return row | {"ended_at": now, "worker": None}
