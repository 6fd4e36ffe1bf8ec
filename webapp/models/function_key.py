"""What the keys beside a phone's display do, whatever its maker calls it."""

from typing import Self

from sqlalchemy import ForeignKey, Select, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model


class FunctionKey(Model):
    """One key of a profile or of a phone; a phone's own stands above its profile's.

    `kind`: line, blf, speed, pickup, park, forward, dnd, voicemail, url. `module` 0 is the phone
    itself, 1 and on its expansion modules; `position` counts from 1.
    """

    __tablename__ = "function_keys"
    __audited__ = True
    __table_args__ = (
        UniqueConstraint("phone_id", "module", "position"),
        UniqueConstraint("profile_id", "module", "position"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    phone_id: Mapped[int | None] = mapped_column(ForeignKey("phones.id", ondelete="CASCADE"))
    profile_id: Mapped[int | None] = mapped_column(ForeignKey("profiles.id", ondelete="CASCADE"))
    module: Mapped[int] = mapped_column(default=0)
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(10))
    line: Mapped[int] = mapped_column(default=1)
    value: Mapped[str] = mapped_column(String(250), default="")
    label: Mapped[str] = mapped_column(String(60), default="")

    @classmethod
    def of_phone(cls, phone_id: int) -> Select[Self]:
        return select(cls).where(cls.phone_id == phone_id).order_by(cls.module, cls.position)

    @classmethod
    def of_profile(cls, profile_id: int) -> Select[Self]:
        return select(cls).where(cls.profile_id == profile_id).order_by(cls.module, cls.position)

    def __str__(self) -> str:
        return f"{self.module}/{self.position} {self.kind} {self.value}".strip()
