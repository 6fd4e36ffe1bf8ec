"""Alerts and bans, filtered, closed and lifted; and the words for their kinds."""

from collections.abc import Iterable, Mapping, Sequence

from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, select

from provisioning.mac import format_mac
from webapp.extensions import db, utcnow
from webapp.models import Alert, Ban, Phone

# kind: (what it is called, how bad it is)
KINDS = {
    "walk": (_l("Walk over neighbours"), "bad"),
    "ban": (_l("Wrong keys"), "bad"),
    "two_networks": (_l("File given twice"), "bad"),
    "old_key": (_l("Replaced key in use"), "warn"),
    "own_key_away": (_l("Own key from a new network"), "idle"),
    "closed_window": (_l("Window closed"), "warn"),
    "other_network": (_l("Other network"), "warn"),
    "pnp_other_mac": (_l("SIP PnP: other MAC"), "bad"),
    "pnp_no_mac": (_l("SIP PnP: no MAC"), "warn"),
    "pnp_closed": (_l("SIP PnP: window closed"), "warn"),
    "pnp_two_addresses": (_l("SIP PnP: two addresses"), "bad"),
    "identity": (_l("Phone's identity changed"), "bad"),
    "rollout": (_l("Roll-out halted"), "bad"),
}


def found(wanted: Mapping[str, str]) -> Select[Alert]:
    """Alerts that fit `state` (open without it, closed or all) and `kind`."""
    query = select(Alert)
    state = wanted.get("state", "")
    if state == "closed":
        query = query.where(Alert.closed_at.is_not(None))
    elif state != "all":
        query = query.where(Alert.closed_at.is_(None))
    kind = wanted.get("kind", "")
    return query.where(Alert.kind == kind) if kind in KINDS else query


def phones_of(rows: Iterable[Alert]) -> dict[int, str]:
    ids = {row.phone_id for row in rows if row.phone_id}
    query = select(Phone.id, Phone.label, Phone.mac).where(Phone.id.in_(ids))
    return {one.id: one.label or format_mac(one.mac) for one in db.session.execute(query)}


def running() -> Sequence[Ban]:
    return db.session.scalars(Ban.running(utcnow())).all()


def close(query: Select[Alert], who: str) -> int:
    """Close those of them that are open. The caller commits."""
    rows = db.session.scalars(query.where(Alert.closed_at.is_(None))).all()
    for row in rows:
        row.closed_at, row.closed_by = utcnow(), who[:80]
    return len(rows)
