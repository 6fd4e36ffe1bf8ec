"""Which computers a list shows."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Select, select

from webapp.extensions import db
from webapp.models import Computer, Site, User
from webapp.provision import fold
from webapp.selection import number

FILTERS = ("q", "state", "site", "company", "system")
STATES = ("up", "down", "never")
COLUMNS = (
    Computer.id, Computer.name, Computer.account_name, Computer.account_since, Computer.address,
    Computer.reported_at, Computer.os_name, Computer.site_id, Computer.serial,
    Computer.manufacturer, Computer.model,
)  # fmt: skip


def filtered(user: User, wanted: Mapping[str, str]) -> Select[Computer]:
    """Computers that `user` may see and that fit q, state, site, company and system."""
    conditions: list[Any] = list(Computer.containing(fold(wanted.get("q", "")[:200])))
    if wanted.get("state") in STATES:
        conditions.append(Computer.is_in_state(wanted["state"]))
    if (site := number(wanted.get("site"))) is not None:
        conditions.append(Computer.site_id == site)
    if (company := number(wanted.get("company"))) is not None:
        conditions.append(Computer.site_id.in_(select(Site.id).where(Site.company_id == company)))
    if system := wanted.get("system"):
        conditions.append(Computer.system == system)
    return Computer.visible_to(user).where(*conditions)


def in_chunks(query: Select[Any], size: int = 500) -> Iterator[Any]:
    """Plain columns: 100,000 computers fit in no memory as objects."""
    last = 0
    while True:
        part = query.where(Computer.id > last).with_only_columns(*COLUMNS)
        rows = db.session.execute(part.order_by(Computer.id).limit(size)).all()
        if not rows:
            return
        yield from rows
        last = rows[-1].id
