"""Start, stop and follow runs. The caller commits, then calls `send`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Select, or_, select, update

from provisioning.errors import N_
from webapp import audit
from webapp.extensions import db, utcnow
from webapp.jobs import rollout
from webapp.jobs.queue import enqueue
from webapp.jobs.rows import changed
from webapp.jobs.starting import RunError, count, start
from webapp.models import Delivery, Fetch, ImportChange, Phone, Revision, Run, RunStep, User
from webapp.models.run import OPEN, PUSHING

__all__ = ["RunError", "start"]

LAST_LINES = 8
FAILURES = 20


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: counts, speed in phones a second, the last steps and first failures."""

    run: Run
    done: int
    unchanged: int
    failed: int
    stopped: int
    left: int
    seconds: float
    last: list[RunStep]
    failures: list[RunStep]
    numbers: dict[int, int]
    waiting: int = 0
    tries: list[Delivery] = field(default_factory=list)
    back: dict[int, int] = field(default_factory=dict)
    returned: int = 0
    stages: list[dict[str, int]] = field(default_factory=list)
    revocable: int = 0  # phones whose former file could be given back

    @property
    def total(self) -> int:
        return self.run.total

    @property
    def ended(self) -> int:
        return self.done + self.failed + self.stopped

    @property
    def speed(self) -> float:
        worked = self.done + self.failed
        return worked / self.seconds if self.seconds > 0 else 0.0

    @property
    def is_clean(self) -> bool:
        return self.run.is_over and not self.failed and not self.stopped


def of_import(user: User | None, import_id: int) -> Select[Phone]:
    """The phones that an import added or changed; `user` is None at the command line."""
    changed = select(ImportChange.phone_id).where(ImportChange.import_id == import_id)
    seen = Phone.visible_to(user) if user else select(Phone)
    return seen.where(or_(Phone.import_id == import_id, Phone.id.in_(changed)))


def send(run: Run) -> None:
    """Wake a worker; after the commit, or it would find nothing."""
    enqueue("run", run.id)


def stop(run: Run) -> None:
    """Let running steps finish and take no further one; nothing happens to a run that is over."""
    going = update(Run).where(Run.id == run.id, Run.state.in_(("queued", "running", "halted")))
    if not changed(going.values(state="stopping")):
        return
    db.session.execute(
        update(RunStep)
        .where(RunStep.run_id == run.id, RunStep.state == "queued")
        .values(state="stopped", ended_at=utcnow())
    )
    audit.record("stop", "Run", run.id, str(run))


def carry_on(run: Run) -> None:
    """Go on with a roll-out that halted itself; raise RunError if it did not."""
    if not rollout.carry_on(run):
        raise RunError(N_("This roll-out has not halted"))
    audit.record("continue", "Run", run.id, str(run))


def roll_back(run: Run, user: User | None) -> Run:
    """Take the roll-out back: its phones get the revisions they had before, and are told."""
    if run.kind != "rollout":
        raise RunError(N_("Only a roll-out can be rolled back"))
    phones = rollout.to_take_back(run.id)
    if not db.session.scalar(count(phones)):
        raise RunError(N_("No phone of this roll-out has a file that could be taken back"))
    stop(run)
    back = start(phones, user, kind="rollback", options={"of": run.id})
    audit.record("roll back", "Run", run.id, str(run), {"run": back.id})
    return back


def retry_failed(run: Run, user: User | None) -> Run:
    """Make a new run of the phones that failed in this one.

    Those of a roll-out have their files by now: they are told again, without stages.
    """
    failed = select(RunStep.phone_id).where(RunStep.run_id == run.id, RunStep.state == "failed")
    phones = select(Phone).where(Phone.id.in_(failed))
    options = {"deliver": True} if (run.options or {}).get("deliver") else None
    kind = "provision" if run.kind == "provision" else "deliver"
    return start(phones, user, run.import_id, run.id, kind, options)


def progress(run: Run, lines: int = LAST_LINES, failures: int = FAILURES) -> Progress:
    found = db.session.execute(RunStep.counts(run.id))
    by_word = {(state, word): number for state, word, number in found}

    def of(*states: str) -> int:
        return sum(number for (state, _), number in by_word.items() if state in states)

    last = list(db.session.scalars(RunStep.with_phone(RunStep.last_ended(run.id)).limit(lines)))
    failed = RunStep.with_phone(RunStep.failed(run.id)).limit(failures)
    pushes = tries(run.id, lines) if run.kind in PUSHING and lines else []
    return Progress(
        run=run,
        done=of("done"),
        unchanged=by_word.get(("done", "unchanged"), 0),
        failed=of("failed"),
        stopped=of("stopped"),
        left=of(*OPEN),
        waiting=of("waiting"),
        seconds=seconds(run),
        last=last[::-1],
        failures=list(db.session.scalars(failed)),
        numbers=numbers(step.revision_id for step in last),
        tries=pushes,
        back=back_after(pushes),
        returned=db.session.scalar(RunStep.returned(run)) or 0 if run.kind in PUSHING else 0,
        stages=stages(run) if run.kind == "rollout" else [],
        revocable=revocable(run) if lines else 0,
    )


def revocable(run: Run) -> int:
    if run.kind != "rollout" or not (run.is_over or run.state == "halted"):
        return 0
    return db.session.scalar(count(rollout.to_take_back(run.id))) or 0


def tries(run_id: int, lines: int) -> list[Delivery]:
    """The last pushes, the newest last: what is said there is written as it happens."""
    query = Delivery.with_phone(Delivery.of_run(run_id)).limit(lines)
    return list(db.session.scalars(query))[::-1]


def back_after(found: Sequence[Delivery]) -> dict[int, int]:
    """Seconds from each try that worked until its phone fetched, by the try's number."""
    told = {one.phone_id: one for one in found if one.success}
    if not told:
        return {}
    query = select(Fetch.phone_id, Fetch.at).where(
        Fetch.phone_id.in_(told), Fetch.at >= min(one.at for one in told.values())
    )
    after: dict[int, int] = {}
    for phone_id, at in db.session.execute(query.where(Fetch.reason == "").order_by(Fetch.id)):
        one = told.get(phone_id or 0)
        if one and at >= one.at:
            after.setdefault(one.id, round((at - one.at).total_seconds()))
    return after


def stages(run: Run) -> list[dict[str, int]]:
    """How many steps of each stage are in which state."""
    found: dict[int, dict[str, int]] = {}
    for stage, state, number in db.session.execute(RunStep.counts_by_stage(run.id)):
        found.setdefault(stage, {})[state] = number
    return [found[stage] for stage in sorted(found)]


def counts(run_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """For a list of runs: how many steps of each are in which state."""
    found: dict[int, dict[str, int]] = {}
    for run_id, state, number in db.session.execute(RunStep.counts_of(run_ids)):
        found.setdefault(run_id, {})[state] = number
    return found


def seconds(run: Run, now: datetime | None = None) -> float:
    if run.started_at is None:
        return 0.0
    return ((run.ended_at or now or utcnow()) - run.started_at).total_seconds()


def numbers(ids: Iterable[int | None]) -> dict[int, int]:
    """The numbers people know revisions by."""
    wanted = [number for number in ids if number is not None]
    query = select(Revision.id, Revision.number).where(Revision.id.in_(wanted))
    return {row[0]: row[1] for row in db.session.execute(query)}
