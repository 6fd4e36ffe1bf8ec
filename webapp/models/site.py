"""Where phones stand, what they register at, and the named sets of settings."""

import hashlib
import secrets
from datetime import datetime
from typing import Self

from sqlalchemy import (
    ForeignKey,
    Select,
    String,
    Text,
    UniqueConstraint,
    false,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Model, UtcDateTime, utcnow
from webapp.models.named import Named
from webapp.secretbox import Sealed

PRIVATE_NETWORKS = (
    "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 127.0.0.0/8 169.254.0.0/16 ::1/128 fc00::/7 fe80::/10"
)
POLICIES = ("lan", "armed", "strict")
DOOR_AUTHS = ("none", "basic", "digest")


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def fresh_key() -> tuple[str, str]:
    """Return 192 random bits as they stand in an address, and the digest they are looked up by."""
    key = secrets.token_urlsafe(24)
    return key, digest(key)


class Company(Named):
    """`programs` may be opened on its computers, one a line; windows named in `keep_open` stay when
    all others are closed. `hide_titles`: nobody here sees the titles of their windows."""

    __tablename__ = "companies"
    __audited__ = True

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(130), unique=True)
    programs: Mapped[str | None] = mapped_column(Text)
    keep_open: Mapped[str | None] = mapped_column(Text)
    hide_titles: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class Site(Model):
    """Owns the key in its phones' address (`/p/<key>/`): stored sealed, looked up by its SHA-256.

    After a rotation the previous key still works until `previous_until`.

    `policy` is who gets a file for that key: lan (whoever is in `networks`), armed (phones in their
    window), strict (those too, but only their own address). `door_auth` is what a phone must prove
    besides: none, basic or digest. `pace` limits pushes, in phones a minute; None is the default.
    """

    __tablename__ = "sites"
    __audited__ = True
    __secret__ = frozenset({"key", "key_digest", "previous_digest"})
    __table_args__ = (UniqueConstraint("company_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("companies.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    networks: Mapped[str] = mapped_column(Text, default=PRIVATE_NETWORKS)
    key: Mapped[str] = mapped_column(Sealed, deferred=True)
    key_digest: Mapped[str] = mapped_column(String(64), unique=True)
    previous_digest: Mapped[str | None] = mapped_column(String(64), index=True)
    previous_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    policy: Mapped[str] = mapped_column(String(6), default="armed", server_default="armed")
    door_auth: Mapped[str] = mapped_column(String(6), default="none", server_default="none")
    certificate_required: Mapped[bool] = mapped_column(default=False, server_default=false())
    pnp: Mapped[bool] = mapped_column(default=True, server_default=true())
    pace: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    company: Mapped[Company] = relationship(lazy="joined")

    def new_key(self, overlap_until: datetime | None = None) -> None:
        """Give the site a fresh 192-bit key; the old one works until `overlap_until`, if given."""
        self.previous_digest = self.key_digest  # known ever after: who still uses it is told
        self.previous_until = overlap_until
        self.key, self.key_digest = fresh_key()

    @classmethod
    def by_name(cls) -> Select[Self]:
        return select(cls).join(Company).order_by(Company.name, cls.name)

    @classmethod
    def named(cls, company_id: int, name: str) -> Select[Self]:
        return select(cls).where(cls.company_id == company_id, cls.name == name)

    @classmethod
    def with_key(cls, key: str) -> Select[Self]:
        found = digest(key)
        still = cls.previous_until > utcnow()
        return select(cls).where(
            or_(cls.key_digest == found, (cls.previous_digest == found) & still)
        )

    def __str__(self) -> str:
        return f"{self.company.name} / {self.name}" if self.company else self.name


class SipServer(Named):
    """A registrar. An empty field leaves the matter to the settings (`sip.port`, …)."""

    __tablename__ = "sip_servers"
    __audited__ = True

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    host: Mapped[str] = mapped_column(String(253), index=True)
    port: Mapped[int | None]
    transport: Mapped[str | None] = mapped_column(String(3))
    proxy_host: Mapped[str | None] = mapped_column(String(253))
    proxy_port: Mapped[int | None]
    expires: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class Profile(Named):
    """A named set of settings that phones can share; its values are SettingValue rows."""

    __tablename__ = "profiles"
    __audited__ = True

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
