"""How the phones stood at the end of a day: what the dashboard's charts are drawn from."""

from datetime import date
from typing import Self

from sqlalchemy import Select, select
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model


class DayCount(Model):
    """One row a day (UTC); today's is written again each hour."""

    __tablename__ = "day_counts"

    day: Mapped[date] = mapped_column(primary_key=True)
    current: Mapped[int] = mapped_column(default=0)
    stale: Mapped[int] = mapped_column(default=0)
    never: Mapped[int] = mapped_column(default=0)
    silent: Mapped[int] = mapped_column(default=0)
    fetches: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)

    @classmethod
    def since(cls, first: date) -> Select[Self]:
        return select(cls).where(cls.day >= first).order_by(cls.day)
