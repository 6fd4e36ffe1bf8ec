"""The trail: who changed what, from which value to which."""

from datetime import datetime
from typing import Any, Self

from sqlalchemy import JSON, Select, String, or_, select
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
    def matching(cls, words: str = "", entity: str = "", actor: str = "") -> Select[Self]:
        query = cls.newest_first()
        if entity:
            query = query.where(cls.entity == entity)
        if actor:
            query = query.where(cls.actor == actor)
        for word in words.split():
            like = f"%{word}%"
            query = query.where(
                or_(cls.label.ilike(like), cls.action.ilike(like), cls.actor.ilike(like))
            )
        return query

    @classmethod
    def of(cls, entity: str, entity_id: int) -> Select[Self]:
        return cls.newest_first().where(cls.entity == entity, cls.entity_id == entity_id)
