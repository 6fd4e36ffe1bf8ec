"""Tokens of the API and the command line: one row each, so that one can be revoked."""

from datetime import datetime
from typing import Self

from sqlalchemy import Delete, ForeignKey, Select, String, delete, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Model, UtcDateTime, utcnow
from webapp.models.user import User

LONGEST_NAME = 60


class ApiToken(Model):
    """`jti` is the id inside the token, which itself is stored nowhere."""

    __tablename__ = "api_tokens"
    __audited__ = True
    __secret__ = frozenset({"jti"})
    __unaudited__ = frozenset({"used_at", "used_from"})

    id: Mapped[int] = mapped_column(primary_key=True)
    jti: Mapped[str] = mapped_column(String(43), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_from: Mapped[str] = mapped_column(String(45), default="")

    user: Mapped[User] = relationship(lazy="joined")

    @property
    def state(self) -> str:
        """active, revoked or expired."""
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.expires_at > utcnow() else "expired"

    @classmethod
    def of(cls, user: User) -> Select[Self]:
        return select(cls).where(cls.user_id == user.id).order_by(cls.id.desc())

    @classmethod
    def active_of(cls, user: User) -> Select[Self]:
        return cls.of(user).where(cls.revoked_at.is_(None), cls.expires_at > utcnow())

    @classmethod
    def called(cls, jti: str) -> Select[Self]:
        return select(cls).where(cls.jti == jti)

    @classmethod
    def forget(cls, before: datetime) -> Delete:
        """Those that had expired by then; how long each lived stays in the audit."""
        return delete(cls).where(cls.expires_at < before)

    def __str__(self) -> str:
        return self.name or f"#{self.id}"
