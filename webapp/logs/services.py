"""What phones asked for, filtered; and the words for it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, Select, or_, select

from provisioning.mac import format_mac
from webapp.extensions import db
from webapp.models import Fetch, Phone

REASONS = {
    "unknown_phone": _l("no phone with this MAC is entered"),
    "wrong_key": _l("the site key in the address is wrong"),
    "old_key": _l("a key in the address that was replaced and is over"),
    "unknown_file": _l("not a name of this phone's file"),
    "not_allowed": _l("from outside the site's networks"),
    "closed_window": _l("the phone's window is closed"),
    "other_network": _l("not from the network the phone is pinned to"),
    "banned": _l("the source is banned after too many failures"),
    "no_password": _l("the site asks for a user and password"),
    "wrong_password": _l("wrong user or password"),
    "wrong_certificate": _l("no certificate of this phone's own"),
    "no_revision": _l("the phone has not been provisioned yet"),
    "other_mac": _l("the link shows another MAC at this address"),
    "no_mac": _l("it says no MAC, and the link shows none"),
    "unreachable": _l("nobody is at this address"),
    "no_key": _l("the phone has no key of its own yet"),
    "unavailable": _l("the database did not answer"),
}
MAC_SIGNS = re.compile(r"[0-9a-f]{2,12}", re.ASCII)
MOST_EXPORTED = 100_000


def fetches(transport: str, wanted: Mapping[str, str]) -> Select[Fetch]:
    """Fetches that fit `q` (words) and `result` (served, refused or one of REASONS)."""
    query = select(Fetch).where(Fetch.transport == transport)
    result = wanted.get("result", "")
    if result == "served":
        query = query.where(Fetch.reason == "")
    elif result == "refused":
        query = query.where(Fetch.reason != "")
    elif result in REASONS:
        query = query.where(Fetch.reason == result)
    return query.where(*(containing(word) for word in wanted.get("q", "").split()[:5]))


def containing(word: str) -> ColumnElement[bool]:
    """A MAC address is found in any notation, as a whole or from its beginning."""
    columns = (Fetch.file, Fetch.address, Fetch.user_agent)
    found: list[ColumnElement[bool]] = [
        column.ilike(f"%{escaped(word)}%", escape="\\") for column in columns
    ]
    bare = re.sub("[:.-]", "", word).lower()
    if MAC_SIGNS.fullmatch(bare):
        found.append(Fetch.mac.startswith(bare))
    return or_(*found)


def escaped(word: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", word)


def phones_of(rows: Iterable[Fetch]) -> dict[int, str]:
    """What the phones of these rows are called, of those that still exist."""
    ids = {row.phone_id for row in rows if row.phone_id}
    query = select(Phone.id, Phone.label, Phone.mac).where(Phone.id.in_(ids))
    return {found.id: found.label or format_mac(found.mac) for found in db.session.execute(query)}


def table(query: Select[Fetch], head: Sequence[object]) -> Iterator[Sequence[object]]:
    """The rows of the CSV, newest first."""
    yield head
    newest = query.order_by(Fetch.id.desc()).limit(MOST_EXPORTED)
    for row in db.session.scalars(newest.execution_options(yield_per=500)):
        yield (
            row.at.isoformat(timespec="seconds"),
            format_mac(row.mac) if row.mac else "",
            row.method,
            row.file,
            row.address,
            row.user_agent,
            row.status,
            REASONS.get(row.reason, row.reason),
            row.sent,
        )
