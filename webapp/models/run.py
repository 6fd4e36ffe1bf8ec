"""One provisioning job over many phones, made of leased steps."""

from datetime import datetime
from typing import Self

from sqlalchemy import ForeignKey, Index, Select, String, Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Model, UtcDateTime, utcnow
from webapp.models.phone import Phone
from webapp.models.user import User

STEP_STATES = ("queued", "running", "done", "failed", "stopped")


class Run(Model):
    """`state`: queued, running, stopping, ended, stopped. It ends only when every step has."""

    __tablename__ = "runs"
    __audited__ = True
    __unaudited__ = frozenset({"started_at", "ended_at", "state"})

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(10), default="queued", index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    import_id: Mapped[int | None] = mapped_column(index=True)
    retry_of: Mapped[int | None]
    total: Mapped[int] = mapped_column(default=0)
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

    def __str__(self) -> str:
        return f"#{self.id}"


class RunStep(Model):
    """One phone's part in a run. `worker` holds it until `leased_until`, then it is free again."""

    __tablename__ = "run_steps"
    __table_args__ = (
        UniqueConstraint("run_id", "phone_id"),
        Index("ix_run_steps_run_id_state_id", "run_id", "state", "id"),
        Index("ix_run_steps_run_id_ended_at", "run_id", "ended_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id", ondelete="CASCADE"), index=True)
    state: Mapped[str] = mapped_column(String(8), default="queued")
    worker: Mapped[str | None] = mapped_column(String(80), index=True)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    outcome: Mapped[str] = mapped_column(String(20), default="")
    message: Mapped[str] = mapped_column(Text, default="")
    revision_id: Mapped[int | None]
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    phone: Mapped[Phone] = relationship()

    @classmethod
    def of(cls, run_id: int) -> Select[Self]:
        return select(cls).where(cls.run_id == run_id)

    @classmethod
    def counts(cls, run_id: int) -> Select[str, int]:
        return select(cls.state, func.count()).where(cls.run_id == run_id).group_by(cls.state)

    @classmethod
    def last_ended(cls, run_id: int, state: str = "") -> Select[Self]:
        query = cls.of(run_id).where(cls.ended_at.is_not(None))
        if state:
            query = query.where(cls.state == state)
        return query.order_by(cls.ended_at.desc(), cls.id.desc())
