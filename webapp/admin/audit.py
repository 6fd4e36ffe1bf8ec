"""The audit: who changed what, from which value to which."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import Select

from webapp import htmx, i18n
from webapp.access import needs
from webapp.admin.blueprint import bp
from webapp.csv_export import csv_response
from webapp.extensions import db
from webapp.models import AuditEntry
from webapp.paging import Key, page_of

NEWEST = (Key(AuditEntry.id, "id", descending=True),)


@dataclass(frozen=True, slots=True)
class Filter:
    """What the address asks for; `since` and `until` are days of the reader's own zone."""

    q: str = ""
    entity: str = ""
    actor: str = ""
    since: str = ""
    until: str = ""

    @classmethod
    def from_request(cls) -> "Filter":
        return cls(*(request.args.get(name, "")[:100] for name in cls.__slots__))

    def query(self) -> Select[AuditEntry]:
        return AuditEntry.matching(
            self.q,
            self.entity,
            self.actor,
            midnight(self.since),
            midnight(self.until, days=1),
        )


def midnight(day: str, days: int = 0) -> datetime | None:
    """The start of that day, or of a later one, for the reader; None when it is no day."""
    try:
        found = datetime.strptime(day, "%Y-%m-%d") + timedelta(days)
        return found.replace(tzinfo=ZoneInfo(i18n.time_zone())).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@bp.get("/audit")
@needs("audit.read")
def audit() -> ResponseReturnValue:
    wanted = Filter.from_request()
    return htmx.render(
        "admin/audit.html",
        "admin/_audit.html",
        found=page_of(wanted.query().order_by(None), NEWEST),
        entities=[(name, name) for name in db.session.scalars(AuditEntry.entities())],
        **asdict(wanted),
    )


@bp.get("/audit.csv")
@needs("audit.read")
def audit_csv() -> ResponseReturnValue:
    return csv_response("audit.csv", table(Filter.from_request().query()))


def table(query: Select[AuditEntry]) -> Iterator[Sequence[object]]:
    yield [
        _("Time (UTC)"), _("Who"), _("Address"), _("Deed"), _("Entity"), _("Number"), _("Name"),
        _("Changes"),
    ]  # fmt: skip
    for row in db.session.scalars(query.execution_options(yield_per=1000)):
        yield [
            row.at.isoformat(timespec="seconds"), row.actor, row.address, row.action, row.entity,
            row.entity_id, row.label, json.dumps(row.changes, ensure_ascii=False),
        ]  # fmt: skip
