"""A computer, the agent that speaks for it, and the codes with which agents come in."""

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import (
    JSON,
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    String,
    Text,
    UniqueConstraint,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Model, UtcDateTime, utcnow
from webapp.models.site import Site
from webapp.secretbox import Sealed

if TYPE_CHECKING:
    from webapp.models.user import User

UP_WITHIN = timedelta(minutes=3)


class Computer(Model):
    """Known by its BIOS serial: renamed it keeps its history. `facts` is what it last told of
    itself; `account_*` repeat the newest use, so that a list needs one read.

    Whether it is up is computed from `reported_at`, never stored. `search` is folded text.
    """

    __tablename__ = "computers"
    __audited__ = True
    __unaudited__ = frozenset(
        {
            *("facts", "facts_sha256", "facts_at", "reported_at", "address", "booted_at", "search"),
            *("account_id", "account_name", "account_since", "account_kind", "locked", "version"),
        }
    )
    __table_args__ = (
        Index("ix_computers_reported_at_id", "reported_at", "id"),
        Index("ix_computers_name_id", "name", "id"),
        Index("ix_computers_site_id_id", "site_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    serial: Mapped[str | None] = mapped_column(String(100), unique=True)
    uuid: Mapped[str] = mapped_column(String(40), default="", index=True)
    name: Mapped[str] = mapped_column(String(100))
    manufacturer: Mapped[str] = mapped_column(String(100), default="")
    model: Mapped[str] = mapped_column(String(100), default="")
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    system: Mapped[str] = mapped_column(String(20), default="")
    release: Mapped[str] = mapped_column(String(60), default="")
    os_name: Mapped[str] = mapped_column(String(120), default="")
    address: Mapped[str] = mapped_column(String(45), default="", index=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    account_name: Mapped[str] = mapped_column(String(200), default="")
    account_kind: Mapped[str] = mapped_column(String(8), default="")
    account_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    locked: Mapped[bool | None]
    booted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[str] = mapped_column(String(20), default="")
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSON, deferred=True)
    facts_sha256: Mapped[str] = mapped_column(String(64), default="")
    facts_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    search: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    site: Mapped[Site] = relationship(lazy="joined")

    @property
    def state(self) -> str:
        """up, down, or never: by the last report alone."""
        if self.reported_at is None:
            return "never"
        return "up" if utcnow() - self.reported_at <= UP_WITHIN else "down"

    @classmethod
    def is_in_state(cls, state: str) -> ColumnElement[bool]:
        since = utcnow() - UP_WITHIN
        wanted: dict[str, ColumnElement[bool]] = {
            "never": cls.reported_at.is_(None),
            "up": cls.reported_at >= since,
            "down": cls.reported_at < since,
        }
        return wanted[state]

    @classmethod
    def visible_to(cls, user: "User") -> Select[Self]:
        query = select(cls)
        return query if user.may("computers.read") else query.where(false())

    @classmethod
    def containing(cls, words: str) -> list[ColumnElement[bool]]:
        """Conditions for a search: every word must occur in the folded text."""
        return [cls.search.contains(word, autoescape=True) for word in words.split()]

    @classmethod
    def with_serial(cls, serial: str) -> Select[Self]:
        return select(cls).where(cls.serial == serial)

    def __str__(self) -> str:
        return self.name


class Agent(Model):
    """One installation of the agent. `state`: active, review (a known computer enrolled again and
    a person must say which one is real) or revoked. `key` names it in its messages.

    `boot` is the start it speaks from now; `clone_boot` holds eight signs of each of the four
    before: one of them that speaks again is a second machine with this identity.
    """

    __tablename__ = "agents"
    __audited__ = True
    __secret__ = frozenset({"secret"})
    __unaudited__ = frozenset({"boot", "seq", "clone_at", "clone_boot", "seen_at", "address"})

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(26), unique=True)
    secret: Mapped[str] = mapped_column(Sealed)
    computer_id: Mapped[int] = mapped_column(
        ForeignKey("computers.id", ondelete="CASCADE"), index=True
    )
    state: Mapped[str] = mapped_column(String(8), default="active")
    enrolled_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    address: Mapped[str] = mapped_column(String(45), default="")
    boot: Mapped[str] = mapped_column(String(32), default="")
    seq: Mapped[int] = mapped_column(default=0)
    clone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    clone_boot: Mapped[str] = mapped_column(String(32), default="")

    computer: Mapped[Computer] = relationship()

    @classmethod
    def of(cls, computer_id: int) -> Select[Self]:
        return select(cls).where(cls.computer_id == computer_id).order_by(cls.id.desc())

    @classmethod
    def in_review(cls) -> Select[Self]:
        return select(cls).where(cls.state == "review").order_by(cls.id)

    @classmethod
    def waiting(cls) -> Select[int]:
        return select(func.count()).select_from(cls).where(cls.state == "review")

    def __str__(self) -> str:
        return self.key


class EnrolCode(Model):
    """Good for one computer of one site, until `expires_at` and, if told, from one network only.

    The code itself is needed to derive keys from, hence sealed and not hashed; `lookup` names it.
    """

    __tablename__ = "enrol_codes"
    __audited__ = True
    __secret__ = frozenset({"code", "lookup"})

    id: Mapped[int] = mapped_column(primary_key=True)
    lookup: Mapped[str] = mapped_column(String(32), unique=True)
    code: Mapped[str] = mapped_column(Sealed)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    network: Mapped[str] = mapped_column(String(50), default="")
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_from: Mapped[str] = mapped_column(String(45), default="")
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id", ondelete="SET NULL"))

    site: Mapped[Site] = relationship(lazy="joined")

    @staticmethod
    def lookup_of(code: bytes) -> str:
        return hashlib.sha256(b"belldesk enrol lookup" + code).hexdigest()[:32]

    @classmethod
    def with_lookup(cls, lookup: str) -> Select[Self]:
        return select(cls).where(cls.lookup == lookup)

    @classmethod
    def open(cls) -> Select[Self]:
        unused = cls.used_at.is_(None), cls.expires_at > utcnow()
        return select(cls).where(*unused).order_by(cls.id.desc())

    def __str__(self) -> str:
        return f"#{self.id}"


class Account(Model):
    """A person's account as computers name it: the same name in another domain is another one."""

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("domain", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    domain: Mapped[str] = mapped_column(String(100), default="")
    name: Mapped[str] = mapped_column(String(100))
    search: Mapped[str] = mapped_column(String(210), default="", index=True)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @classmethod
    def called(cls, domain: str, name: str) -> Select[Self]:
        return select(cls).where(cls.domain == domain, cls.name == name)

    def __str__(self) -> str:
        return f"{self.domain}\\{self.name}" if self.domain else self.name


def still_at(spell: "type[ComputerUse | AddressUse]", moment: datetime) -> ColumnElement[bool]:
    """What runs is believed for as long after a report as the computer is called up."""
    running = spell.until.is_(None) & (Computer.reported_at >= moment - UP_WITHIN)
    return (spell.since <= moment) & or_(spell.until >= moment, running)


def known_until(spell: "ComputerUse | AddressUse") -> datetime:
    return spell.until or max(spell.computer.reported_at or spell.seen_at, spell.seen_at)


def was_at(spell: "ComputerUse | AddressUse", moment: datetime) -> bool:
    return spell.since <= moment <= (spell.until or known_until(spell) + UP_WITHIN)


class ComputerUse(Model):
    """An account was on a computer from `since` to `until`, as far as is known. `kind` is console
    or remote.

    While `until` is None the computer's last report said so: the use is sure until its
    `reported_at`, and no beat needs to write here. Then it ends with the last report that told of
    it, which is `seen_at` too: after that nothing is known.
    """

    __tablename__ = "computer_uses"
    __table_args__ = (
        Index("ix_computer_uses_computer_id_since", "computer_id", "since"),
        # Every beat asks for those that run.
        Index("ix_computer_uses_computer_id_until", "computer_id", "until"),
        Index("ix_computer_uses_account_id_since", "account_id", "since"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    computer_id: Mapped[int] = mapped_column(ForeignKey("computers.id", ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(8), default="console")
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)

    account: Mapped[Account] = relationship(lazy="joined")
    computer: Mapped[Computer] = relationship()

    @classmethod
    def of_computer(cls, computer_id: int) -> Select[Self]:
        return select(cls).where(cls.computer_id == computer_id).order_by(cls.since.desc())

    @classmethod
    def of_account(cls, account_id: int) -> Select[Self]:
        return select(cls).where(cls.account_id == account_id).order_by(cls.since.desc())

    @classmethod
    def at(cls, moment: datetime) -> ColumnElement[bool]:
        """Uses that were running then; join Computer, whose last report bounds what still runs."""
        return still_at(cls, moment)

    @property
    def sure_until(self) -> datetime:
        """The last moment for which this is known."""
        return known_until(self)

    def held(self, moment: datetime) -> bool:
        """As `at`, of this row."""
        return was_at(self, moment)


class AddressUse(Model):
    """A computer had an address, as ComputerUse: who was on 10.1.2.3 at 14:07?"""

    __tablename__ = "address_uses"
    __table_args__ = (
        Index("ix_address_uses_computer_id_until", "computer_id", "until"),
        Index("ix_address_uses_address_since", "address", "since"),
        Index("ix_address_uses_computer_id_since", "computer_id", "since"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    computer_id: Mapped[int] = mapped_column(ForeignKey("computers.id", ondelete="CASCADE"))
    address: Mapped[str] = mapped_column(String(45))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)

    computer: Mapped[Computer] = relationship()

    @classmethod
    def of_computer(cls, computer_id: int) -> Select[Self]:
        return select(cls).where(cls.computer_id == computer_id).order_by(cls.since.desc())

    @classmethod
    def at(cls, moment: datetime) -> ColumnElement[bool]:
        """As ComputerUse.at."""
        return still_at(cls, moment)

    @property
    def sure_until(self) -> datetime:
        return known_until(self)

    def held(self, moment: datetime) -> bool:
        return was_at(self, moment)


class SessionEvent(Model):
    """A line of a computer's own session log. `uid` is the computer's own number of it, so that a
    line sent twice is one; `source` is windows or linux."""

    __tablename__ = "session_events"
    __table_args__ = (
        UniqueConstraint("computer_id", "source", "uid"),
        Index("ix_session_events_computer_id_at", "computer_id", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    computer_id: Mapped[int] = mapped_column(ForeignKey("computers.id", ondelete="CASCADE"))
    uid: Mapped[str] = mapped_column(String(60))
    source: Mapped[str] = mapped_column(String(8))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    event_id: Mapped[int]
    account: Mapped[str] = mapped_column(String(200), default="")
    address: Mapped[str] = mapped_column(String(45), default="")
    session: Mapped[str] = mapped_column(String(40), default="")
    message: Mapped[str] = mapped_column(Text, default="")

    @classmethod
    def of(cls, computer_id: int) -> Select[Self]:
        return (
            select(cls).where(cls.computer_id == computer_id).order_by(cls.at.desc(), cls.id.desc())
        )


class Connection(Model):
    """Somebody used a way to connect to a computer, and said why."""

    __tablename__ = "connections"
    __table_args__ = (Index("ix_connections_computer_id_id", "computer_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    computer_id: Mapped[int] = mapped_column(ForeignKey("computers.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    user_name: Mapped[str] = mapped_column(String(80), default="")
    way: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(300), default="")

    @classmethod
    def of(cls, computer_id: int) -> Select[Self]:
        return select(cls).where(cls.computer_id == computer_id).order_by(cls.id.desc())
