"""What people know by its name alone."""

from typing import Self

from sqlalchemy import Select, select
from sqlalchemy.orm import Mapped

from webapp.extensions import Model


class Named(Model):
    """Each kind says itself how long its names may be."""

    __abstract__ = True

    name: Mapped[str]

    @classmethod
    def by_name(cls) -> Select[Self]:
        return select(cls).order_by(cls.name)

    @classmethod
    def named(cls, name: str) -> Select[Self]:
        return select(cls).where(cls.name == name)

    def __str__(self) -> str:
        return self.name
