"""The keys that open the phones' door for single phones, and the windows of the sites' keys.

Below all features: whoever makes, moves or provisions phones needs it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import cast

from flask import current_app
from sqlalchemy import Table, bindparam, delete, select, update
from sqlalchemy.orm.attributes import set_committed_value

from webapp import audit
from webapp.config import Config
from webapp.extensions import db, utcnow
from webapp.models import Bootstrap, Phone, Site
from webapp.models.phone import fresh_door_password
from webapp.models.site import fresh_key

PHONES = cast("Table", Phone.__table__)


def door_address() -> str:
    """What stands before a key in the address of a phone; "" while nobody said how to reach us."""
    config: Config = current_app.extensions["belldesk"]
    return f"{config.base_url}/p/" if config.base_url else ""


def site_url(site: Site) -> str:
    """The address that a new phone of this site is told; its first file tells it its own."""
    door = door_address()
    return f"{door}{site.key}/" if door else ""


def own_url(phone: Phone, door: str) -> str:
    """The address of this phone alone; its site's for one that was made before phones had keys."""
    return f"{door}{phone.key or phone.site.key}/" if door else ""


def window(hours: int | None = None) -> datetime | None:
    """When a window that opens now closes; None when the installation opens none."""
    config: Config = current_app.extensions["belldesk"]
    hours = config.armed_hours if hours is None else hours
    return utcnow() + timedelta(hours=hours) if hours else None


def give_what_is_missing(phones: Sequence[Phone]) -> None:
    """A key for those made before phones had one, a password where the site's door asks for one."""
    give_keys(phones)
    asked = [phone for phone in phones if phone.site.door_auth != "none"]
    give([phone for phone in asked if phone.door_password is None], make_door_password)


def give_keys(phones: Sequence[Phone]) -> None:
    give([phone for phone in phones if phone.key_digest is None], make_key)


def make_key() -> dict[str, str]:
    key, digest = fresh_key()
    return {"key": key, "key_digest": digest}


def make_door_password() -> dict[str, str]:
    return {"door_password": fresh_door_password()}


def give(phones: Sequence[Phone], make: Callable[[], dict[str, str]]) -> None:
    """Another worker may do the same: who comes second takes the first one's."""
    if not phones:
        return
    made = [{"phone": phone.id, **make()} for phone in phones]
    names = [name for name in made[0] if name != "phone"]
    table = PHONES.c
    db.session.execute(
        update(PHONES)
        .where(table.id == bindparam("phone"), table[names[0]].is_(None))
        .values({name: bindparam(f"new_{name}", type_=table[name].type) for name in names}),
        [{"phone": row["phone"]} | {f"new_{name}": row[name] for name in names} for row in made],
    )
    ids = [phone.id for phone in phones]
    query = select(table.id, *(table[name] for name in names)).where(table.id.in_(ids))
    found = {row.id: row for row in db.session.execute(query.with_for_update())}
    for phone in phones:
        for name in names if phone.id in found else ():
            set_committed_value(phone, name, getattr(found[phone.id], name))
    changes = {name: [None, audit.HIDDEN] for name in names} | {"phones": ids[:200]}
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
    drop_bootstraps([phone.id])


def identity(phone: Phone) -> tuple[str, str, int]:
    return phone.mac, phone.model, phone.site.id


def arm_moved(phone_ids: Sequence[int], site_id: int) -> None:
    """Before these phones go to that site: a window for those that are not there yet."""
    moving = update(PHONES).where(PHONES.c.id.in_(phone_ids), PHONES.c.site_id != site_id)
    db.session.execute(moving.values(armed_until=window(), pinned_network=None))
    drop_bootstraps(phone_ids)


def drop_bootstraps(phone_ids: Sequence[int]) -> None:
    """They say what is not true any more; the next run makes them anew."""
    db.session.execute(delete(Bootstrap).where(Bootstrap.phone_id.in_(phone_ids)))
