"""Start, stop and follow runs. The caller commits, then calls `send`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, insert, literal, or_, select, update

from provisioning.errors import N_, ProvisioningError
from webapp import audit
from webapp.chunks import chunks
from webapp.extensions import db, utcnow
from webapp.jobs.queue import enqueue
from webapp.jobs.rows import changed
from webapp.models import ImportChange, Phone, Revision, Run, RunStep, User

LAST_LINES = 8
FAILURES = 20


class RunError(ProvisioningError):
    """The run cannot be started, or no longer be changed."""


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


def start(
    phones: Iterable[int] | Select[Phone],
    user: User | None,
    import_id: int | None = None,
    retry_of: int | None = None,
) -> Run:
    """Make a run of these phones (ids or a query); raise RunError if there are none."""
    chosen = list(queries(phones))
    total = sum(db.session.scalar(count(query)) or 0 for query in chosen)
    if not total:
        raise RunError(N_("No phone was chosen"))
    run = Run(user=user, import_id=import_id, retry_of=retry_of, total=total)
    db.session.add(run)
    db.session.flush()
    for query in chosen:
        steps = query.with_only_columns(literal(run.id), Phone.id, Phone.mac)
        db.session.execute(
            insert(RunStep).from_select(["run_id", "phone_id", "mac"], steps.order_by(Phone.id))
        )
    run.total = db.session.scalar(select(func.count()).where(RunStep.run_id == run.id)) or 0
    db.session.flush()
    return run


def count(query: Select[Phone]) -> Select[int]:
    return select(func.count()).select_from(query.with_only_columns(Phone.id).subquery())


def queries(phones: Iterable[int] | Select[Phone]) -> Iterable[Select[Phone]]:
    if isinstance(phones, Select):
        yield phones
        return
    for part in chunks(sorted(set(phones))):
        yield select(Phone).where(Phone.id.in_(part))


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
    going = update(Run).where(Run.id == run.id, Run.state.in_(("queued", "running")))
    if not changed(going.values(state="stopping")):
        return
    db.session.execute(
        update(RunStep)
        .where(RunStep.run_id == run.id, RunStep.state == "queued")
        .values(state="stopped", ended_at=utcnow())
    )
    audit.record("stop", "Run", run.id, str(run))


def retry_failed(run: Run, user: User | None) -> Run:
    """Make a new run of the phones that failed in this one."""
    failed = select(RunStep.phone_id).where(RunStep.run_id == run.id, RunStep.state == "failed")
    return start(
        select(Phone).where(Phone.id.in_(failed)), user, import_id=run.import_id, retry_of=run.id
    )


def progress(run: Run, lines: int = LAST_LINES, failures: int = FAILURES) -> Progress:
    found = db.session.execute(RunStep.counts(run.id))
    by_word = {(state, word): number for state, word, number in found}

    def of(*states: str) -> int:
        return sum(number for (state, _), number in by_word.items() if state in states)

    last = list(db.session.scalars(RunStep.with_phone(RunStep.last_ended(run.id)).limit(lines)))
    failed = RunStep.with_phone(RunStep.failed(run.id)).limit(failures)
    return Progress(
        run=run,
        done=of("done"),
        unchanged=by_word.get(("done", "unchanged"), 0),
        failed=of("failed"),
        stopped=of("stopped"),
        left=of("queued", "running"),
        seconds=seconds(run),
        last=last[::-1],
        failures=list(db.session.scalars(failed)),
        numbers=numbers(step.revision_id for step in last),
    )


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
