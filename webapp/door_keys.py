"""The keys that open the phones' door for single phones, and the windows of the sites' keys.

Below all features: whoever makes, moves or provisions phones needs it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

from flask import current_app
from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm.attributes import set_committed_value

from webapp import audit
from webapp.config import Config
from webapp.extensions import db, utcnow
from webapp.models import Phone
from webapp.models.site import fresh_key

PHONES = cast("Table", Phone.__table__)


def window(hours: int | None = None) -> datetime | None:
    """When a window that opens now closes; None when the installation opens none."""
    config: Config = current_app.extensions["belldesk"]
    hours = config.armed_hours if hours is None else hours
    return utcnow() + timedelta(hours=hours) if hours else None


def give_keys(phones: Sequence[Phone]) -> None:
    """Give a key to those that were made before phones had one.

    Another worker may do the same: who comes second takes the first one's.
    """
    without = [phone for phone in phones if phone.key_digest is None]
    if not without:
        return
    made = [(phone.id, *fresh_key()) for phone in without]
    db.session.execute(
        update(PHONES)
        .where(PHONES.c.id == bindparam("phone"), PHONES.c.key_digest.is_(None))
        .values(key=bindparam("fresh"), key_digest=bindparam("digest")),
        [{"phone": number, "fresh": key, "digest": digest} for number, key, digest in made],
    )
    columns = PHONES.c.id, PHONES.c.key, PHONES.c.key_digest
    ids = [phone.id for phone in without]
    rows = db.session.execute(select(*columns).where(PHONES.c.id.in_(ids)).with_for_update())
    found = {row.id: row for row in rows}
    for phone in without:
        if row := found.get(phone.id):
            set_committed_value(phone, "key", row.key)
            set_committed_value(phone, "key_digest", row.key_digest)
    changes = {"key": [None, audit.HIDDEN], "phones": ids[:200]}
    audit.record("update", "Phone", None, f"{len(ids)} phones", changes)


def welcome(phone: Phone, before: tuple[str, str, int] | None) -> None:
    """Open the window again for a phone that now is another one or stands elsewhere.

    `before` is `identity` as it was, None for a new phone, which has a key and a window already. A
    MAC address that changed means other hardware: what the old one knows must not open its file.
    """
    now = identity(phone)
    if before is None or now == before:
        return
    if now[0] != before[0]:
        phone.new_key()
    phone.arm(window())


def identity(phone: Phone) -> tuple[str, str, int]:
    return phone.mac, phone.model, phone.site.id


def arm_moved(phone_ids: Sequence[int], site_id: int) -> None:
    """Before these phones go to that site: a window for those that are not there yet."""
    moving = update(PHONES).where(PHONES.c.id.in_(phone_ids), PHONES.c.site_id != site_id)
    db.session.execute(moving.values(armed_until=window(), pinned_network=None))
