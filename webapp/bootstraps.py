"""What phones of `strict` sites get for their site's key, kept ready for the door."""

import hashlib
from collections.abc import Sequence

from sqlalchemy import insert, select

from provisioning.render import Rendered, bootstrap
from webapp.door_keys import door_address, drop_bootstraps, own_url
from webapp.extensions import db
from webapp.models import Bootstrap, Phone


def keep(phones: Sequence[Phone]) -> None:
    """Store those of the phones whose site is strict. The caller holds the phones and commits."""
    strict = [phone for phone in phones if phone.site.policy == "strict" and phone.key]
    if not strict:
        return
    door, ids = door_address(), [phone.id for phone in strict]
    query = select(Bootstrap.phone_id, Bootstrap.sha256).where(Bootstrap.phone_id.in_(ids))
    stored = {row[0]: row[1] for row in db.session.execute(query)}
    made = {x.id: bootstrap(x.model, x.mac, own_url(x, door)) for x in strict}
    rows = {number: row_of(number, file) for number, file in made.items() if file is not None}
    same = {number for number, row in rows.items() if stored.get(number) == row["sha256"]}
    drop_bootstraps([number for number in ids if number not in same])
    if changed := [row for number, row in rows.items() if number not in same]:
        db.session.execute(insert(Bootstrap), changed)


def row_of(phone_id: int, file: Rendered) -> dict[str, object]:
    return {
        "phone_id": phone_id,
        "sha256": hashlib.sha256(file.body).hexdigest(),
        "body": file.body,
        "size": len(file.body),
        "content_type": file.content_type,
    }
