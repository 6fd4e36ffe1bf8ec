"""One provisioning job over many phones, made of leased steps."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from sqlalchemy import (
    JSON,
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    String,
    Text,
    UniqueConstraint,
    and_,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Mapped, lazyload, load_only, mapped_column, relationship, selectinload

from webapp.extensions import Model, UtcDateTime, utcnow
from webapp.models.phone import Line, Phone
from webapp.models.user import User

PUSHING = ("deliver", "rollout", "rollback")
OPEN = ("queued", "running", "waiting")


class Run(Model):
    """`state`: queued, running, stopping, halted, ended, stopped. It ends when every step has.

    `kind` is provision (render and store), deliver (make phones take what they have), rollout (in
    stages, both) or rollback. A roll-out is in `stage` until `stage_until`; `message` % `params`
    says why it halted.
    """

    __tablename__ = "runs"
    __audited__ = True
    __unaudited__ = frozenset({"started_at", "ended_at", "state"})

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(10), default="queued", index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    import_id: Mapped[int | None] = mapped_column(index=True)
    retry_of: Mapped[int | None]
    total: Mapped[int] = mapped_column(default=0)
    kind: Mapped[str] = mapped_column(String(10), default="provision", server_default="provision")
    options: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    stage: Mapped[int] = mapped_column(default=0, server_default="0")
    stage_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    message: Mapped[str | None] = mapped_column(Text)
    params: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    user: Mapped[User | None] = relationship(lazy="joined")

    @property
    def is_over(self) -> bool:
        return self.state in ("ended", "stopped")

    @classmethod
    def newest_first(cls) -> Select[Self]:
        return select(cls).order_by(cls.id.desc())

    @classmethod
    def unfinished(cls) -> Select[Self]:
        return select(cls).where(cls.state.in_(("queued", "running", "stopping"))).order_by(cls.id)

    @classmethod
    def pushing(cls) -> Select[int]:
        """Runs that reach out to phones and in which there may be something to do."""
        waiting = exists().where(RunStep.run_id == cls.id, RunStep.state == "waiting")
        going = cls.state.in_(("queued", "running", "stopping"))
        active = or_(going, and_(cls.state == "halted", waiting))
        return select(cls.id).where(cls.kind.in_(PUSHING), active).order_by(cls.id)

    def __str__(self) -> str:
        return f"#{self.id}"


class RunStep(Model):
    """One phone's part in a run; `state`: queued, running, waiting, done, failed, stopped.

    In a roll-out it waits, after the push, until `due_at` for the phone to come back; `stage` is
    when its turn comes. `before_id` is the revision the phone had, to go back to.

    `worker` holds it until `leased_until`, then it is free again.

    The step outlives its phone, hence `mac`. `message` % `params` says why a step failed.
    """

    __tablename__ = "run_steps"
    __table_args__ = (
        UniqueConstraint("run_id", "phone_id"),
        Index("ix_run_steps_run_id_state_id", "run_id", "state", "id"),
        Index("ix_run_steps_run_id_ended_at", "run_id", "ended_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    phone_id: Mapped[int | None] = mapped_column(
        ForeignKey("phones.id", ondelete="SET NULL"), index=True
    )
    mac: Mapped[str] = mapped_column(String(12), default="")
    state: Mapped[str] = mapped_column(String(8), default="queued")
    worker: Mapped[str | None] = mapped_column(String(80), index=True)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    outcome: Mapped[str] = mapped_column(String(20), default="")
    message: Mapped[str] = mapped_column(Text, default="")
    params: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    revision_id: Mapped[int | None]
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stage: Mapped[int] = mapped_column(default=0, server_default="0")
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    before_id: Mapped[int | None]

    phone: Mapped[Phone | None] = relationship()

    @classmethod
    def of(cls, run_id: int) -> Select[Self]:
        return select(cls).where(cls.run_id == run_id)

    @classmethod
    def counts(cls, run_id: int) -> Select[str, str, int]:
        """How many steps are in each state with each outcome."""
        return (
            select(cls.state, cls.outcome, func.count())
            .where(cls.run_id == run_id)
            .group_by(cls.state, cls.outcome)
        )

    @classmethod
    def returned(cls, run: Run) -> Select[int]:
        """How many of the phones it told have taken their newest file since the run began."""
        query = select(func.count()).select_from(cls).join(Phone, Phone.id == cls.phone_id)
        since = Phone.fetched_at >= (run.started_at or run.created_at)
        told = cls.outcome.in_(("delivered", "alone", "late"))
        return query.where(cls.run_id == run.id, told, Phone.is_in_state("current"), since)

    @classmethod
    def counts_by_stage(cls, run_id: int) -> Select[int, str, int]:
        query = select(cls.stage, cls.state, func.count()).where(cls.run_id == run_id)
        return query.group_by(cls.stage, cls.state)

    @classmethod
    def counts_of(cls, run_ids: Sequence[int]) -> Select[int, str, int]:
        return (
            select(cls.run_id, cls.state, func.count())
            .where(cls.run_id.in_(run_ids))
            .group_by(cls.run_id, cls.state)
        )

    @classmethod
    def free(cls, now: datetime) -> ColumnElement[bool]:
        """What a worker may take: nobody has it, or who had it let the lease run out."""
        return or_(cls.state == "queued", and_(cls.state == "running", cls.leased_until < now))

    @classmethod
    def claimable(cls, run_id: int, now: datetime) -> Select[int, int]:
        """The untried first: steps of a killed worker, done one by one, must not fill the batch."""
        due = or_(cls.due_at.is_(None), cls.due_at <= now)
        turn = select(Run.stage).where(Run.id == run_id).scalar_subquery()
        free = select(cls.id, cls.attempts).where(
            cls.run_id == run_id, cls.free(now), due, cls.stage <= turn
        )
        return free.order_by(cls.attempts, cls.due_at, cls.id)

    @classmethod
    def overdue(cls, run_id: int, since: datetime) -> Select[bool]:
        return select(
            exists().where(cls.run_id == run_id, cls.state == "queued", cls.due_at < since)
        )

    @classmethod
    def claimed(cls, worker: str) -> Select[Self]:
        return select(cls).where(cls.worker == worker, cls.state == "running").order_by(cls.id)

    @classmethod
    def held(cls, number: int, worker: str) -> Select[Self]:
        return select(cls).where(cls.id == number, cls.worker == worker, cls.state == "running")

    @classmethod
    def open(cls, run_id: int) -> Select[bool]:
        return select(exists().where(cls.run_id == run_id, cls.state.in_(OPEN)))

    @classmethod
    def ended_since(cls, run_id: int, moment: datetime) -> Select[bool]:
        return select(exists().where(cls.run_id == run_id, cls.ended_at > moment))

    @classmethod
    def workers(cls) -> Select[str | None]:
        return select(cls.worker).where(cls.state == "running").distinct()

    @classmethod
    def not_taken(cls, run_id: int) -> Select[int | None]:
        """Phones whose file of this run, or a newer one, they have not fetched yet."""
        older = or_(
            Phone.fetched_revision_id.is_(None), Phone.fetched_revision_id < cls.revision_id
        )
        query = select(cls.phone_id).join(Phone, Phone.id == cls.phone_id)
        return query.where(cls.run_id == run_id, cls.revision_id.is_not(None), older)

    @staticmethod
    def with_phone(query: Select["RunStep"]) -> Select["RunStep"]:
        """For showing steps: each with its phone's names, and none of its secrets."""
        return query.options(
            selectinload(RunStep.phone)
            .load_only(Phone.label, Phone.mac)
            .options(
                selectinload(Phone.lines).options(load_only(Line.user), lazyload(Line.sip_server)),
                lazyload(Phone.site),
                lazyload(Phone.profile),
            )
        )

    @classmethod
    def failed(cls, run_id: int, after: int = 0) -> Select[Self]:
        return cls.of(run_id).where(cls.state == "failed", cls.id > after).order_by(cls.id)

    @classmethod
    def last_ended(cls, run_id: int) -> Select[Self]:
        query = cls.of(run_id).where(cls.ended_at.is_not(None), cls.state != "stopped")
        return query.order_by(cls.ended_at.desc(), cls.id.desc())
