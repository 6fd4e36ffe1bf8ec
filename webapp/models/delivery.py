"""What we did to reach a phone, and whom we trust at its address."""

from datetime import datetime
from typing import Any, Self

from sqlalchemy import (
    JSON,
    ForeignKey,
    Index,
    Select,
    String,
    Text,
    UniqueConstraint,
    select,
)
from sqlalchemy.orm import Mapped, joinedload, lazyload, mapped_column, relationship

from webapp.extensions import Model, UtcDateTime, utcnow
from webapp.models.phone import Phone


class Delivery(Model):
    """One try to make one phone take its configuration, over one channel: notify, http or ssh.

    It is written before anything is sent: `success` is None while it is under way, and `message` %
    `params` say how far it is, then what came of it. `code` is the phone's answer, if any.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_phone_id_id", "phone_id", "id"),
        Index("ix_deliveries_run_id_id", "run_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(String(10))
    address: Mapped[str] = mapped_column(String(45))
    success: Mapped[bool | None]
    code: Mapped[int | None]
    message: Mapped[str] = mapped_column(Text, default="")
    params: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    milliseconds: Mapped[int] = mapped_column(default=0)

    phone: Mapped[Phone] = relationship()

    @classmethod
    def of_phone(cls, phone_id: int) -> Select[Self]:
        return select(cls).where(cls.phone_id == phone_id).order_by(cls.id.desc())

    @staticmethod
    def with_phone(query: Select["Delivery"]) -> Select["Delivery"]:
        """For showing tries: each with its phone's label, and none of the phone's secrets."""
        return query.options(
            joinedload(Delivery.phone)
            .load_only(Phone.label, Phone.mac)
            .options(lazyload(Phone.lines), lazyload(Phone.site), lazyload(Phone.profile))
        )

    @classmethod
    def of_run(cls, run_id: int) -> Select[Self]:
        return select(cls).where(cls.run_id == run_id).order_by(cls.id.desc())


class PhonePin(Model):
    """The host key or certificate a phone showed first; `offered` is another one, shown since,
    which is refused until a person accepts it. `kind` is ssh or https."""

    __tablename__ = "phone_pins"
    __audited__ = True
    __table_args__ = (UniqueConstraint("phone_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(5))
    fingerprint: Mapped[str] = mapped_column(String(100))
    pinned_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    offered: Mapped[str | None] = mapped_column(String(100))
    offered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @classmethod
    def of(cls, phone_id: int) -> Select[Self]:
        return select(cls).where(cls.phone_id == phone_id).order_by(cls.kind)

    def __str__(self) -> str:
        return f"{self.kind} {self.fingerprint}"
