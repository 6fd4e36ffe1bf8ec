"""What people chose for a setting, and for whom."""

from typing import Self

from sqlalchemy import Select, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model
from webapp.secretbox import Sealed


class SettingValue(Model):
    """`scope`, least specific first: everywhere, vendor, model, company, site, profile, phone;
    `target`: the vendor's or model's key or the row's id as text, "" for everywhere. Values are
    stored as people typed them, sealed."""

    __tablename__ = "setting_values"
    __audited__ = True
    __secret__ = frozenset({"value"})
    __table_args__ = (UniqueConstraint("scope", "target", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(String(10))
    target: Mapped[str] = mapped_column(String(60), default="")
    key: Mapped[str] = mapped_column(String(60))
    value: Mapped[str] = mapped_column(Sealed)

    @classmethod
    def of(cls, scope: str, target: str = "") -> Select[Self]:
        return select(cls).where(cls.scope == scope, cls.target == target).order_by(cls.key)

    def __str__(self) -> str:
        return f"{self.key} ({self.scope} {self.target})".replace(" )", ")")
