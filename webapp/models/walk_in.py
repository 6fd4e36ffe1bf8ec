"""A short address on a label: whoever stands in front of the phone arms it once."""

from datetime import datetime
from typing import Self

from sqlalchemy import ForeignKey, Select, String, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Model, UtcDateTime, utcnow
from webapp.models.phone import Phone


class WalkIn(Model):
    """Only the SHA-256 of the code is stored; it works once, until `expires_at`."""

    __tablename__ = "walk_ins"
    __audited__ = True
    __secret__ = frozenset({"code_digest"})

    id: Mapped[int] = mapped_column(primary_key=True)
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id", ondelete="CASCADE"), index=True)
    code_digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_from: Mapped[str] = mapped_column(String(45), default="")

    phone: Mapped[Phone] = relationship()

    @classmethod
    def with_digest(cls, found: str) -> Select[Self]:
        return select(cls).where(cls.code_digest == found)

    def __str__(self) -> str:
        return f"#{self.id}"
