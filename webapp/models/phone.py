"""A desk phone, its lines, and every configuration it was given."""

import re
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    String,
    Text,
    UniqueConstraint,
    and_,
    case,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, defer, mapped_column, relationship, selectinload
from sqlalchemy.sql.base import ExecutableOption

from webapp.extensions import Model, UtcDateTime, utcnow
from webapp.models.site import Profile, SipServer, Site, fresh_key
from webapp.secretbox import Packed, Sealed

if TYPE_CHECKING:
    from webapp.models.user import User

MAC_PART = re.compile(
    r"[0-9a-f]{2}([:-][0-9a-f]{2}){2,5}|[0-9a-f]{4}([.-][0-9a-f]{4}){1,2}", re.ASCII
)


def fresh_door_password() -> str:
    """96 random bits in characters that no vendor forbids and that can be typed on a phone."""
    return secrets.token_hex(12)


def new_key(
    digest: str | None, door_password: str | None, overlap_until: datetime | None = None
) -> dict[str, Any]:
    """Return a phone's columns with a fresh key, and a fresh password for the door if it has one.

    The old ones work until `overlap_until`, if given; those before them work no longer.
    """
    key, own = fresh_key()
    values: dict[str, Any] = {
        "key": key,
        "key_digest": own,
        "previous_key_digest": digest,  # known ever after: who still uses it is told
        "previous_key_until": overlap_until,
    }
    if door_password is not None:
        values |= {
            "door_password": fresh_door_password(),
            "previous_door_password": door_password if overlap_until else None,
            "previous_door_password_until": overlap_until,
        }
    return values


class Line(Model):
    """One SIP account on a phone; `number` counts from 1."""

    __tablename__ = "lines"
    __audited__ = True
    __secret__ = frozenset({"password"})
    __table_args__ = (UniqueConstraint("phone_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id", ondelete="CASCADE"))
    number: Mapped[int]
    user: Mapped[str] = mapped_column(String(100), index=True)
    auth_user: Mapped[str] = mapped_column(String(100), default="")
    password: Mapped[str] = mapped_column(Sealed)
    display_name: Mapped[str] = mapped_column(String(200), default="")
    label: Mapped[str] = mapped_column(String(200), default="")
    sip_server_id: Mapped[int] = mapped_column(ForeignKey("sip_servers.id"), index=True)

    sip_server: Mapped[SipServer] = relationship(lazy="joined")

    def __str__(self) -> str:
        return f"{self.user}@{self.sip_server.host}" if self.sip_server else self.user


class Phone(Model):
    """`revision_*` describe the newest revision, `fetched_*` the last body the phone took.

    They are copied here so that state, list and door each need one read. `search` is folded text
    kept by `webapp.provision.index`.

    `key` is the phone's own key in its address at the door, looked up by its SHA-256; the previous
    ones of a rotation work until their `_until`. The site's key opens a phone until `armed_until`,
    then only from `pinned_network`, which its first good fetch set. `address` is where people said
    that the phone is, for pushing; without it only an address it was seen from is used.
    """

    __tablename__ = "phones"
    __audited__ = True
    __secret__ = frozenset(
        {
            "admin_password",
            "user_password",
            "menu_pin",
            "key",
            "key_digest",
            "previous_key_digest",
            "door_password",
            "previous_door_password",
        }
    )
    __unaudited__ = frozenset(
        {
            "search",
            "revision_id",
            "revision_sha256",
            "revised_at",
            "fetched_revision_id",
            "fetched_sha256",
            "fetched_at",
            "fetched_address",
            "fetched_by",
            "firmware",
            "user_agent",
            "pinned_network",
        }
    )
    __table_args__ = (
        Index("ix_phones_site_id_mac", "site_id", "mac"),
        Index("ix_phones_model_mac", "model", "mac"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mac: Mapped[str] = mapped_column(String(12), unique=True)
    model: Mapped[str] = mapped_column(String(60))
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    profile_id: Mapped[int | None] = mapped_column(ForeignKey("profiles.id"), index=True)
    label: Mapped[str] = mapped_column(String(200), default="")
    admin_password: Mapped[str] = mapped_column(Sealed)
    user_password: Mapped[str] = mapped_column(Sealed)
    menu_pin: Mapped[str] = mapped_column(Sealed)
    key: Mapped[str | None] = mapped_column(Sealed)
    key_digest: Mapped[str | None] = mapped_column(String(64))
    previous_key_digest: Mapped[str | None] = mapped_column(String(64))
    previous_key_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    door_password: Mapped[str | None] = mapped_column(Sealed)
    previous_door_password: Mapped[str | None] = mapped_column(Sealed)
    previous_door_password_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    armed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    pinned_network: Mapped[str | None] = mapped_column(String(45))
    address: Mapped[str | None] = mapped_column(String(45))
    search: Mapped[str] = mapped_column(Text, default="")
    import_id: Mapped[int | None] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    revision_id: Mapped[int | None]
    revision_sha256: Mapped[str | None] = mapped_column(String(64))
    revised_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fetched_revision_id: Mapped[int | None]
    fetched_sha256: Mapped[str | None] = mapped_column(String(64))
    fetched_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    fetched_address: Mapped[str | None] = mapped_column(String(45))
    fetched_by: Mapped[str | None] = mapped_column(String(5))
    firmware: Mapped[str | None] = mapped_column(String(60))
    user_agent: Mapped[str | None] = mapped_column(String(300))

    site: Mapped[Site] = relationship(lazy="joined")
    profile: Mapped[Profile | None] = relationship(lazy="joined")
    lines: Mapped[list[Line]] = relationship(
        order_by=Line.number, cascade="all, delete-orphan", lazy="selectin"
    )

    @hybrid_property
    def state(self) -> str:
        """current, stale or never: by what the phone really took, not by what we offered."""
        if self.fetched_sha256 is None:
            return "never"
        return "current" if self.fetched_sha256 == self.revision_sha256 else "stale"

    @classmethod
    def is_in_state(cls, state: str) -> ColumnElement[bool]:
        fetched = cls.fetched_sha256.is_not(None)
        same = cls.fetched_sha256 == cls.revision_sha256
        wanted: dict[str, ColumnElement[bool]] = {
            "never": cls.fetched_sha256.is_(None),
            "current": and_(fetched, same),
            "stale": and_(fetched, or_(~same, cls.revision_sha256.is_(None))),
        }
        return wanted[state]

    @classmethod
    def by_state(cls) -> tuple[ColumnElement[int], ...]:
        """Columns that count current, stale and never fetched phones in one pass."""
        return tuple(
            func.coalesce(func.sum(case((cls.is_in_state(state), 1), else_=0)), 0)
            for state in ("current", "stale", "never")
        )

    @classmethod
    def is_silent(cls, since: datetime) -> ColumnElement[bool]:
        """It took a file once, and none since then."""
        return cls.fetched_at < since

    @property
    def door_user(self) -> str:
        """The name that goes with `door_password`."""
        return self.mac

    @property
    def is_armed(self) -> bool:
        return self.armed_until is not None and utcnow() < self.armed_until

    def arm(self, until: datetime | None) -> None:
        """Let the site's key open the phone until then; its next good fetch pins the network."""
        self.armed_until, self.pinned_network = until, None

    def disarm(self) -> None:
        self.armed_until = None

    def new_key(self, overlap_until: datetime | None = None) -> None:
        for name, value in new_key(self.key_digest, self.door_password, overlap_until).items():
            setattr(self, name, value)

    @property
    def key_overlaps(self) -> bool:
        """Whether the key before the present one still works."""
        return self.previous_key_until is not None and utcnow() < self.previous_key_until

    @classmethod
    def armed(cls) -> ColumnElement[bool]:
        return cls.armed_until > utcnow()

    @classmethod
    def open_of_import(cls, import_id: int) -> Select[int, datetime | None]:
        """How many phones that an upload added are open, and until when all of them are."""
        query = select(func.count(cls.id), func.min(cls.armed_until))
        return query.where(cls.import_id == import_id, cls.armed())

    @classmethod
    def visible_to(cls, user: "User") -> Select[Self]:
        query = select(cls)
        return query if user.may("phones.read") else query.where(false())

    @classmethod
    def with_mac(cls, mac: str) -> Select[Self]:
        return select(cls).where(cls.mac == mac)

    @classmethod
    def containing(cls, words: str) -> list[ColumnElement[bool]]:
        """Conditions for a search: every word must occur in the folded text.

        A MAC address is found in any notation, as a whole or from its beginning.
        """
        bare = (
            re.sub("[:.-]", "", word) if MAC_PART.fullmatch(word) else word
            for word in words.split()
        )
        return [cls.search.contains(word, autoescape=True) for word in bare]

    @classmethod
    def for_list(cls) -> tuple[ExecutableOption, ...]:
        """Loader options of a list: what no row shows is neither read nor decrypted."""
        secret = (defer(getattr(cls, name), raiseload=True) for name in cls.__secret__)
        return (*secret, defer(cls.search), selectinload(cls.lines).defer(Line.password))

    def __str__(self) -> str:
        return self.label or self.mac


class Revision(Model):
    """One rendered configuration, numbered per phone. `body` is the plain file, packed at rest."""

    __tablename__ = "revisions"
    __table_args__ = (UniqueConstraint("phone_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id", ondelete="CASCADE"))
    number: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    body: Mapped[bytes] = mapped_column(Packed, deferred=True)
    size: Mapped[int]
    content_type: Mapped[str] = mapped_column(String(40))
    model: Mapped[str] = mapped_column(String(60))
    template_version: Mapped[str] = mapped_column(String(20))
    run_id: Mapped[int | None] = mapped_column(index=True)
    origin: Mapped[str] = mapped_column(String(80), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)

    @classmethod
    def of(cls, phone: Phone) -> Select[Self]:
        return select(cls).where(cls.phone_id == phone.id).order_by(cls.number.desc())


class Bootstrap(Model):
    """What a phone of a `strict` site gets for the site's key: its own address and no secret."""

    __tablename__ = "bootstraps"

    phone_id: Mapped[int] = mapped_column(
        ForeignKey("phones.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    sha256: Mapped[str] = mapped_column(String(64))
    body: Mapped[bytes] = mapped_column(Packed)
    size: Mapped[int]
    content_type: Mapped[str] = mapped_column(String(40))
