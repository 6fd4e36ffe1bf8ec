"""An uploaded list of phones, from the draft to the undo."""

import json
from datetime import datetime
from typing import Any, Self

from sqlalchemy import JSON, ForeignKey, Select, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Model, UtcDateTime, utcnow
from webapp.models.site import SipServer, Site
from webapp.models.user import User
from webapp.secretbox import Packed, Sealed


class SheetImport(Model):
    """`state`: draft, committing, committed, undone, cancelled, failed.

    `name` is the archive copy's name, unique for ever. `body` is the file as it was uploaded,
    None once it was purged or cancelled. `counts` has added, changed, unchanged, refused.
    `error` is why it failed, as JSON of `message` and `params` (older ones: words).
    `overrides`: what a person chose for single rows, {"7": {"model": …, "site": id, "server": id}}.
    """

    __tablename__ = "imports"
    __audited__ = True
    __unaudited__ = frozenset({"body", "counts", "overrides"})

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    filename: Mapped[str] = mapped_column(String(200))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    state: Mapped[str] = mapped_column(String(12), default="draft", index=True)
    model: Mapped[str] = mapped_column(String(60), default="")
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"))
    sip_server_id: Mapped[int | None] = mapped_column(ForeignKey("sip_servers.id"))
    encoding: Mapped[str] = mapped_column(String(20), default="")
    body: Mapped[bytes | None] = mapped_column(Packed, deferred=True)
    size: Mapped[int] = mapped_column(default=0)
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    overrides: Mapped[dict[str, dict[str, Any]] | None] = mapped_column(JSON)
    error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    committed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    user: Mapped[User | None] = relationship(lazy="joined")
    site: Mapped[Site | None] = relationship()
    sip_server: Mapped[SipServer | None] = relationship()

    def fail(self, message: str, params: dict[str, Any]) -> None:
        told = {"message": message, "params": params}
        self.state, self.error = "failed", json.dumps(told, default=str)

    @property
    def told(self) -> dict[str, Any]:
        if self.error.startswith("{"):
            return dict(json.loads(self.error))
        return {"message": self.error, "params": {}}

    @property
    def message(self) -> str:
        return str(self.told["message"])

    @property
    def params(self) -> dict[str, Any]:
        return dict(self.told["params"])

    @classmethod
    def newest_first(cls) -> Select[Self]:
        return select(cls).order_by(cls.id.desc())

    def __str__(self) -> str:
        return self.filename


class ImportChange(Model):
    """What an import did to one phone: `before` is the JSON of the phone as it was, None if added;
    `after` a keyed hash of what it became, to notice later changes by hand."""

    __tablename__ = "import_changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), index=True)
    phone_id: Mapped[int] = mapped_column(index=True)
    mac: Mapped[str] = mapped_column(String(12))
    action: Mapped[str] = mapped_column(String(10))
    row: Mapped[int]
    before: Mapped[str | None] = mapped_column(Sealed)
    after: Mapped[str] = mapped_column(String(64), default="")

    @classmethod
    def of(cls, import_id: int) -> Select[Self]:
        return select(cls).where(cls.import_id == import_id).order_by(cls.id)
