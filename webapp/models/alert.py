"""What somebody should look at: a walk over neighbours, a dead key in use, a changed host key."""

from datetime import datetime
from typing import Any, Self

from sqlalchemy import JSON, ForeignKey, Index, Select, String, Text, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Model, UtcDateTime, utcnow
from webapp.models.site import Site


class Alert(Model):
    """`message` % `params` says what happened; while it is open, what happens again is counted.

    `source` is the address or network it came from and, with `kind`, what makes two of them one.
    """

    __tablename__ = "alerts"
    __audited__ = True
    __unaudited__ = frozenset({"times", "last_at", "params"})
    __table_args__ = (
        Index("ix_alerts_kind_source", "kind", "source"),
        Index("ix_alerts_closed_at_id", "closed_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    source: Mapped[str] = mapped_column(String(60), default="")
    message: Mapped[str] = mapped_column(Text)
    params: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    times: Mapped[int] = mapped_column(default=1)
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id", ondelete="SET NULL"))
    phone_id: Mapped[int | None] = mapped_column(ForeignKey("phones.id", ondelete="SET NULL"))
    first_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str] = mapped_column(String(80), default="")

    site: Mapped[Site | None] = relationship(lazy="joined")

    @classmethod
    def newest_first(cls) -> Select[Self]:
        return select(cls).order_by(cls.id.desc())

    @classmethod
    def open(cls) -> Select[Self]:
        return cls.newest_first().where(cls.closed_at.is_(None))

    @classmethod
    def waiting(cls) -> Select[int]:
        return select(func.count()).select_from(cls).where(cls.closed_at.is_(None))

    def __str__(self) -> str:
        return f"{self.kind} {self.source}".strip()


class Ban(Model):
    """A source of too many failures. Only what proves itself, phone by phone, is served to it."""

    __tablename__ = "bans"
    __audited__ = True

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(60), unique=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    until: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    times: Mapped[int] = mapped_column(default=1)

    @classmethod
    def running(cls, now: datetime) -> Select[Self]:
        return select(cls).where(cls.until > now).order_by(cls.until.desc())

    def __str__(self) -> str:
        return self.source
