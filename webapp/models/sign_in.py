"""Every attempt to sign in, successful or not."""

from datetime import datetime, timedelta
from typing import Self

from sqlalchemy import Index, Select, String, func, select
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model, UtcDateTime, utcnow


class SignIn(Model):
    """`reason` is a word: ok, wrong_password, unknown_user, disabled, throttled."""

    __tablename__ = "sign_ins"
    __table_args__ = (
        Index("ix_sign_ins_name_at", "name", "at"),
        Index("ix_sign_ins_address_at", "address", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    name: Mapped[str] = mapped_column(String(50))
    user_id: Mapped[int | None] = mapped_column(index=True)
    address: Mapped[str] = mapped_column(String(45))
    success: Mapped[bool] = mapped_column(index=True)
    reason: Mapped[str] = mapped_column(String(20))
    user_agent: Mapped[str] = mapped_column(String(300), default="")
    browser: Mapped[str] = mapped_column(String(60), default="")
    os: Mapped[str] = mapped_column(String(60), default="")

    @classmethod
    def newest_first(cls) -> Select[Self]:
        return select(cls).order_by(cls.id.desc())

    @classmethod
    def failures_since(cls, since: datetime) -> Select[int]:
        """Count the wrong passwords since then; add a where for the account or the address."""
        return (
            select(func.count())
            .select_from(cls)
            .where(cls.at > since, cls.reason.in_(("wrong_password", "unknown_user")))
        )

    @classmethod
    def recent(cls, age: timedelta) -> datetime:
        return utcnow() - age
