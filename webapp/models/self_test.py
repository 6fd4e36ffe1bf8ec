"""What came of attacking our own doors."""

from datetime import datetime
from typing import Any, Self

from sqlalchemy import JSON, ForeignKey, Select, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Model, UtcDateTime, utcnow
from webapp.models.user import User


class SelfTest(Model):
    """`state`: queued, running, done, failed (then `message` % `params` says why).

    `findings` grow while it runs, one object for each attack; `score` is 0 to 100, when it is done.
    """

    __tablename__ = "self_tests"
    __audited__ = True
    __unaudited__ = frozenset({"state", "findings", "ended_at", "message", "params"})

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(8), default="queued")
    url: Mapped[str] = mapped_column(String(300))
    tftp: Mapped[str] = mapped_column(String(100), default="")
    score: Mapped[int | None]
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    message: Mapped[str] = mapped_column(Text, default="")
    params: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    user: Mapped[User | None] = relationship(lazy="joined")

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed")

    @classmethod
    def newest_first(cls) -> Select[Self]:
        return select(cls).order_by(cls.id.desc())

    @classmethod
    def unfinished(cls, since: datetime) -> Select[int]:
        return select(cls.id).where(cls.state.in_(("queued", "running")), cls.created_at < since)

    def __str__(self) -> str:
        return f"#{self.id}"
