"""What is done to phones: written by hand, moved, deleted, compared."""

import difflib
from itertools import islice
from typing import Any

from sqlalchemy import Select, delete, update

from provisioning.mask import mask, secrets_of
from provisioning.registry import registry
from provisioning.render import render
from webapp import audit, door_keys, provision, setting_values
from webapp.chunks import chunks
from webapp.extensions import db
from webapp.models import Line, Phone, Profile, Revision, Site


def write(phone: Phone, form: Any) -> None:
    """Take over a valid PhoneForm; raise ProvisioningError if no file could be made of it."""
    before = door_keys.identity(phone) if phone.id else None
    phone.mac, phone.model, phone.label = form.mac.data, form.model.data, form.label.data
    phone.site = db.session.get_one(Site, form.site_id.data)
    chosen = form.profile_id.data
    phone.profile = db.session.get_one(Profile, chosen) if chosen else None
    write_lines(phone, form)
    db.session.add(phone)
    db.session.flush()
    door_keys.welcome(phone, before)
    db.session.refresh(phone, ["lines"])
    provision.index(phone)
    render(provision.provisioned(phone, provision.Settings([phone.id])))


def write_lines(phone: Phone, form: Any) -> None:
    """Lines keep their row by number, so that two that change places do not collide."""
    present = {line.number: line for line in phone.lines}
    wanted = {entry.form.number.data: entry.form for entry in form.lines}
    phone.lines = [line for number, line in present.items() if number in wanted]
    for number, row in wanted.items():
        line = present.get(number)
        if line is None:
            line = Line(number=number)
            phone.lines.append(line)
        for name in ("user", "auth_user", "display_name", "label", "sip_server_id"):
            setattr(line, name, getattr(row, name).data)
        line.password = row.password.data or form.kept[row.id.data]


def move(phones: Select[Any], site: Site | None, profile_id: int | None) -> int:
    """Give the phones another site, another profile (0: none) or both; return how many."""
    ids = ids_of(phones)
    changes: dict[str, int | None] = {}
    if site is not None:
        changes["site_id"] = site.id
    if profile_id is not None:
        changes["profile_id"] = profile_id or None
    for chunk in chunks(ids):
        if site is not None:
            door_keys.arm_moved(chunk, site.id)
        db.session.execute(update(Phone).where(Phone.id.in_(chunk)).values(**changes))
    audit.record("move", "Phone", None, f"{len(ids)} phones", {**changes, "phones": ids[:200]})
    return len(ids)


def remove(phones: Select[Any]) -> int:
    """Delete the phones with their lines, files and settings; the fetch log stays."""
    rows = db.session.execute(phones.with_only_columns(Phone.id, Phone.mac)).all()
    for chunk in chunks([row.id for row in rows]):
        setting_values.forget("phone", [str(number) for number in chunk])
        db.session.execute(delete(Phone).where(Phone.id.in_(chunk)))
    macs = [row.mac for row in rows[:200]]
    audit.record("delete", "Phone", None, f"{len(rows)} phones", {"macs": macs})
    return len(rows)


def ids_of(phones: Select[Any]) -> list[int]:
    return list(db.session.scalars(phones.with_only_columns(Phone.id)))


def masked(revision: Revision) -> str:
    """The revision's file for eyes; nothing of it when nobody knows its model any more."""
    model = registry().models.get(revision.model)
    return mask(model, revision.body) if model else ""


def compare(older: Revision, newer: Revision) -> tuple[list[tuple[str, str]], list[str]]:
    """Lines of a diff (mark, text) without secrets, and the names of the secrets that differ."""
    lines = difflib.unified_diff(
        masked(older).splitlines(), masked(newer).splitlines(), lineterm="", n=2
    )
    found = [(line[:1], line[1:]) for line in islice(lines, 2, None)]
    return found, changed_secrets(older, newer)


def changed_secrets(older: Revision, newer: Revision) -> list[str]:
    before, after = (
        {(number, name): value for number, (name, value) in enumerate(pairs)}
        for pairs in map(secret_pairs, (older, newer))
    )
    differing = {
        key[1] for key in before.keys() | after.keys() if before.get(key) != after.get(key)
    }
    return sorted(differing)


def secret_pairs(revision: Revision) -> list[tuple[str, str]]:
    model = registry().models.get(revision.model)
    return secrets_of(model, revision.body) if model else []
