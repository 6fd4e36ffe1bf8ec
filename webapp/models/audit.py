"""The trail: who changed what, from which value to which."""

from datetime import datetime
from typing import Any, Self

from sqlalchemy import JSON, Select, String, cast, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model, UtcDateTime, utcnow


class AuditEntry(Model):
    """`changes` maps a field to [old, new]; the value of a secret is written as “•••”."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    actor_id: Mapped[int | None] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(40), index=True)
    entity: Mapped[str] = mapped_column(String(40), index=True)
    entity_id: Mapped[int | None] = mapped_column(index=True)
    label: Mapped[str] = mapped_column(String(200), default="")
    address: Mapped[str] = mapped_column(String(45), default="")
    changes: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    @classmethod
    def newest_first(cls) -> Select[Self]:
        return select(cls).order_by(cls.id.desc())

    @classmethod
    def matching(
        cls,
        words: str = "",
        entity: str = "",
        actor: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Select[Self]:
        """Every word must be found in what it is about, the deed, the person or the changes."""
        query = cls.newest_first()
        wanted = ((cls.entity, entity), (cls.actor, actor))
        query = query.where(*(column == value for column, value in wanted if value))
        if since:
            query = query.where(cls.at >= since)
        if until:
            query = query.where(cls.at < until)
        for word in words.split():
            columns = (cls.label, cls.action, cls.actor, cls.entity, cast(cls.changes, String))
            query = query.where(or_(*(c.icontains(word, autoescape=True) for c in columns)))
        return query

    @classmethod
    def entities(cls) -> Select[str]:
        return select(cls.entity).distinct().order_by(cls.entity)

    @classmethod
    def of(cls, entity: str, entity_id: int) -> Select[Self]:
        return cls.newest_first().where(cls.entity == entity, cls.entity_id == entity_id)
