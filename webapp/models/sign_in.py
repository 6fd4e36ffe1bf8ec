"""Every attempt to sign in, successful or not."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Self

from sqlalchemy import ColumnElement, Index, Select, String, func, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model, UtcDateTime, utcnow

FAILURES = ("wrong_password", "unknown_user")
REASONS = ("ok", "confirmed", *FAILURES, "disabled", "throttled")


class SignIn(Model):
    """`reason` is one of REASONS. The name is what the visitor typed, made printable."""

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
    def matching(cls, words: str = "", success: bool | None = None) -> Select[Self]:
        """Every word must be found in the name, the address, the reason or the browser."""
        query = cls.newest_first()
        if success is not None:
            query = query.where(cls.success.is_(success))
        for word in words.split():
            columns = (cls.name, cls.address, cls.reason, cls.browser, cls.os)
            query = query.where(or_(*(c.icontains(word, autoescape=True) for c in columns)))
        return query

    @classmethod
    def of(cls, user_id: int) -> Select[Self]:
        return cls.newest_first().where(cls.user_id == user_id)

    @classmethod
    def last_of(cls, user_ids: Sequence[int]) -> Select[int | None, datetime]:
        """When each of these users last signed in."""
        return (
            select(cls.user_id, func.max(cls.at))
            .where(cls.user_id.in_(user_ids), cls.success)
            .group_by(cls.user_id)
        )

    @classmethod
    def failures(cls, since: datetime, *scope: ColumnElement[bool]) -> Select[int, datetime]:
        """Count the wrong passwords in a scope since then, and say when the last one was."""
        return select(func.count(), func.max(cls.at)).where(
            cls.at > since, cls.reason.in_(FAILURES), *scope
        )

    @classmethod
    def by_pair(cls, name: str, address: str) -> tuple[ColumnElement[bool], ...]:
        """One account from one address, since it last got in from there."""
        last = (
            select(func.coalesce(func.max(cls.id), 0))
            .where(cls.name == name, cls.address == address, cls.success)
            .scalar_subquery()
        )
        return (cls.name == name, cls.address == address, cls.id > last)

    @classmethod
    def by_account(cls, name: str, known_since: datetime) -> tuple[ColumnElement[bool], ...]:
        """One account from every address from which nobody got into it lately."""
        known = select(cls.address).where(cls.name == name, cls.success, cls.at > known_since)
        return (cls.name == name, cls.address.not_in(known))

    @classmethod
    def by_address(cls, address: str) -> tuple[ColumnElement[bool], ...]:
        return (cls.address == address,)

    @classmethod
    def successes(cls, name: str, address: str, since: datetime) -> Select[int]:
        return select(cls.id).where(
            cls.name == name, cls.address == address, cls.success, cls.at > since
        )

    @classmethod
    def throttled(cls, since: datetime, *scope: ColumnElement[bool]) -> Select[int]:
        return select(cls.id).where(cls.at > since, cls.reason == "throttled", *scope)

    @classmethod
    def recent(cls, age: timedelta) -> datetime:
        return utcnow() - age
