"""What the desk asks of a computer: verbs, never a shell."""

from datetime import datetime
from typing import Any, Self

from sqlalchemy import JSON, ForeignKey, Index, Select, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Model, UtcDateTime, utcnow
from webapp.models.computer import Computer
from webapp.models.user import User

VERBS = (
    *("list_processes", "list_windows", "list_programs", "open", "close", "close_all"),
    *("terminate", "message", "probe"),
)


class Command(Model):
    """`state`: queued, sent, done, failed, refused, expired. The agent knows it by its `number`.

    `run_id` when it is part of a deed on many computers.
    """

    __tablename__ = "commands"
    __audited__ = True
    __unaudited__ = frozenset({"sent_at", "state", "result", "ended_at"})
    __table_args__ = (
        Index("ix_commands_computer_id_id", "computer_id", "id"),
        Index("ix_commands_computer_id_state", "computer_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(32), unique=True)
    computer_id: Mapped[int] = mapped_column(ForeignKey("computers.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    verb: Mapped[str] = mapped_column(String(20))
    params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    reason: Mapped[str] = mapped_column(String(300), default="")
    state: Mapped[str] = mapped_column(String(8), default="queued")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    run_id: Mapped[int | None] = mapped_column(index=True)

    computer: Mapped[Computer] = relationship(lazy="joined")
    user: Mapped[User | None] = relationship(lazy="joined")

    @property
    def is_over(self) -> bool:
        return self.state not in ("queued", "sent")

    @classmethod
    def of(cls, computer_id: int) -> Select[Self]:
        return select(cls).where(cls.computer_id == computer_id).order_by(cls.id.desc())

    @classmethod
    def queued_for(cls, computer_id: int, now: datetime) -> Select[Self]:
        waiting = cls.computer_id == computer_id, cls.state == "queued", cls.expires_at > now
        return select(cls).where(*waiting).order_by(cls.id)

    def __str__(self) -> str:
        return f"{self.verb} {self.computer}"


class Snapshot(Model):
    """What ran on a computer at a moment, kept to be compared."""

    __tablename__ = "snapshots"
    __table_args__ = (Index("ix_snapshots_computer_id_id", "computer_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    computer_id: Mapped[int] = mapped_column(ForeignKey("computers.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    user_name: Mapped[str] = mapped_column(String(80), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    kind: Mapped[str] = mapped_column(String(10), default="processes")
    rows: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    note: Mapped[str] = mapped_column(Text, default="")

    @classmethod
    def of(cls, computer_id: int) -> Select[Self]:
        return select(cls).where(cls.computer_id == computer_id).order_by(cls.id.desc())
