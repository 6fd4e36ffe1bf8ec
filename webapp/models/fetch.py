"""What phones asked for, and the phones nobody told us of."""

from datetime import datetime
from typing import Self

from sqlalchemy import JSON, ForeignKey, Index, Select, String, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Model, UtcDateTime, utcnow
from webapp.models.site import Site


class Fetch(Model):
    """One request of one phone for a file. `reason` says why not, as provisioning.answer.Reason;
    "" when it was served: its file, or the bootstrap (no revision)."""

    __tablename__ = "fetches"
    __table_args__ = (
        Index("ix_fetches_phone_id_id", "phone_id", "id"),
        Index("ix_fetches_transport_id", "transport", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    transport: Mapped[str] = mapped_column(String(5))
    method: Mapped[str] = mapped_column(String(5), default="GET")
    file: Mapped[str] = mapped_column(String(120))
    mac: Mapped[str] = mapped_column(String(12), default="")
    address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(300), default="")
    status: Mapped[int]
    reason: Mapped[str] = mapped_column(String(20), default="")
    sent: Mapped[int] = mapped_column(default=0)
    phone_id: Mapped[int | None]
    site_id: Mapped[int | None]
    revision_id: Mapped[int | None]
    sha256: Mapped[str | None] = mapped_column(String(64))

    @classmethod
    def newest_first(cls) -> Select[Self]:
        return select(cls).order_by(cls.id.desc())

    @classmethod
    def of_phone(cls, phone_id: int) -> Select[Self]:
        return cls.newest_first().where(cls.phone_id == phone_id)

    @classmethod
    def over(cls, transport: str) -> Select[Self]:
        return cls.newest_first().where(cls.transport == transport)


class Stray(Model):
    """A phone that asked with a site's key or from its network, and that nobody has entered.

    `transport` is http, tftp or pnp; `clues` say why we think what we think: [kind, value] pairs.
    """

    __tablename__ = "strays"

    id: Mapped[int] = mapped_column(primary_key=True)
    mac: Mapped[str] = mapped_column(String(12), unique=True)
    site_id: Mapped[int | None] = mapped_column(
        ForeignKey("sites.id", ondelete="CASCADE"), index=True
    )
    vendor: Mapped[str] = mapped_column(String(40), default="")
    model: Mapped[str] = mapped_column(String(60), default="")
    firmware: Mapped[str] = mapped_column(String(60), default="")
    user_agent: Mapped[str] = mapped_column(String(300), default="")
    file: Mapped[str] = mapped_column(String(120), default="")
    address: Mapped[str] = mapped_column(String(45))
    transport: Mapped[str] = mapped_column(String(5))
    clues: Mapped[list[list[str]] | None] = mapped_column(JSON)
    times: Mapped[int] = mapped_column(default=1)
    first_seen: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_seen: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)

    site: Mapped[Site | None] = relationship(lazy="joined")

    @classmethod
    def newest_first(cls) -> Select[Self]:
        return select(cls).order_by(cls.last_seen.desc(), cls.id.desc())

    @classmethod
    def waiting(cls) -> Select[int]:
        """How many there are; the queue is capped, so counting them is cheap."""
        return select(func.count()).select_from(cls)
