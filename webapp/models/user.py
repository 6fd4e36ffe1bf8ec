"""People who sign in, and the sessions they hold."""

from datetime import datetime
from typing import Self

from flask_login import UserMixin
from sqlalchemy import ForeignKey, Select, String, Update, func, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Model, UtcDateTime, utcnow
from webapp.models.department import Department


class User(UserMixin, Model):
    __tablename__ = "users"
    __audited__ = True
    __secret__ = frozenset({"password_hash"})

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    full_name: Mapped[str] = mapped_column(String(100), default="")
    password_hash: Mapped[str] = mapped_column(String(200))
    is_admin: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    must_change_password: Mapped[bool] = mapped_column(default=False)
    department_id: Mapped[int | None] = mapped_column(ForeignKey("departments.id"), index=True)
    language: Mapped[str] = mapped_column(String(5), default="")
    theme: Mapped[str] = mapped_column(String(5), default="")
    time_zone: Mapped[str] = mapped_column(String(40), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    department: Mapped[Department | None] = relationship(lazy="joined")
    session_token = ""  # known only while signing in; see webapp/access.py

    def get_id(self) -> str:
        """What the cookie carries: a session's token, so that one session can be ended."""
        return self.session_token

    # UserMixin compares the session's token, "" for everyone who was only read from the database.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def is_active(self) -> bool:
        return self.active

    def may(self, permission: str) -> bool:
        """True when the user holds the permission; an administrator holds them all."""
        if not self.active:
            return False
        held = self.department.permissions if self.department else frozenset()
        return self.is_admin or permission in held

    @classmethod
    def named(cls, name: str) -> Select[Self]:
        return select(cls).where(cls.name == name)

    @classmethod
    def called(cls, name: str) -> Select[Self]:
        """Those whose name reads like this one: Bob and bob would be taken for each other."""
        return select(cls).where(func.lower(cls.name) == name.lower())

    @classmethod
    def by_name(cls, words: str = "") -> Select[Self]:
        """Every word must be found in the name or the full name."""
        query = select(cls).order_by(cls.name)
        for word in words.split():
            columns = (cls.name, cls.full_name)
            query = query.where(or_(*(c.icontains(word, autoescape=True) for c in columns)))
        return query

    @classmethod
    def administrators(cls) -> Select[Self]:
        return select(cls).where(cls.is_admin, cls.active)

    def __str__(self) -> str:
        return self.name


class UserSession(Model):
    """What a session cookie points at, so that signing out really ends it.

    Only the SHA-256 of the cookie's token is stored.
    """

    __tablename__ = "user_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    address: Mapped[str] = mapped_column(String(45), default="")
    user_agent: Mapped[str] = mapped_column(String(300), default="")
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    user: Mapped[User] = relationship(lazy="joined")

    @classmethod
    def open(cls, digest: str, since: datetime) -> Select[Self]:
        """The session with this digest, unless it was ended or not used since then."""
        return select(cls).where(cls.digest == digest, cls.ended_at.is_(None), cls.seen_at > since)

    @classmethod
    def open_of(cls, user: User, since: datetime) -> Select[Self]:
        return (
            select(cls)
            .where(cls.user_id == user.id, cls.ended_at.is_(None), cls.seen_at > since)
            .order_by(cls.seen_at.desc())
        )

    @classmethod
    def count_open(cls, since: datetime) -> Select[int, int]:
        """Open sessions per user's id."""
        return (
            select(cls.user_id, func.count())
            .where(cls.ended_at.is_(None), cls.seen_at > since)
            .group_by(cls.user_id)
        )

    @classmethod
    def end_all(cls, user: User, but: str = "") -> Update:
        return (
            update(cls)
            .where(cls.user_id == user.id, cls.ended_at.is_(None), cls.digest != but)
            .values(ended_at=utcnow())
        )
