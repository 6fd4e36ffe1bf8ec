"""Taking back a whole import in one transaction."""

import json
from collections.abc import Iterator, Sequence

from sqlalchemy import delete, select

from provisioning.errors import N_
from webapp import audit, provision
from webapp.chunks import chunks
from webapp.extensions import db, utcnow
from webapp.imports.commit import OF_LINE, OWN, fingerprint, snapshot
from webapp.imports.keys import keys_of, written_keys
from webapp.imports.keys import restore as restore_keys
from webapp.imports.services import ImportStateError, require
from webapp.models import FunctionKey, ImportChange, Line, Phone, SettingValue, SheetImport


def undo(done: SheetImport, *, force: bool = False) -> dict[str, int]:
    """Delete the phones it added, restore those it changed. The caller commits.

    Refused while a later import stands on it, and, unless forced, when someone changed one of
    its phones since.
    """
    require(done, "committed")
    refuse_if_built_upon(done)
    changes = list(db.session.scalars(ImportChange.of(done.id)))
    if not force:
        refuse_if_touched(changes)
    changed = [change for change in changes if change.action == "changed"]
    held = keys_of([change.phone_id for change in changed])
    counts = {
        "restored": sum(restore(c, held.get(c.phone_id, ())) for c in changed),
        "deleted": delete_added([c.phone_id for c in changes if c.action == "added"]),
    }
    done.state, done.undone_at = "undone", utcnow()
    audit.record("undo", "SheetImport", done.id, done.filename, counts)
    return counts


def refuse_if_built_upon(done: SheetImport) -> None:
    later = (
        select(SheetImport)
        .join(ImportChange, ImportChange.import_id == SheetImport.id)
        .where(SheetImport.id > done.id, SheetImport.state == "committed")
        .where(
            ImportChange.phone_id.in_(
                select(ImportChange.phone_id).where(ImportChange.import_id == done.id)
            )
        )
        .order_by(SheetImport.id.desc())
        .limit(1)
    )
    if found := db.session.scalar(later):
        raise ImportStateError(
            N_("Upload %(number)d (%(file)s) changed some of these phones later. Undo it first."),
            number=found.id,
            file=found.filename,
        )


def phones_of(changes: Sequence[ImportChange]) -> Iterator[tuple[ImportChange, Phone]]:
    for part in chunks(changes):
        query = select(Phone).where(Phone.id.in_([change.phone_id for change in part]))
        phones = {phone.id: phone for phone in db.session.scalars(query)}
        for change in part:
            if change.phone_id in phones:
                yield change, phones[change.phone_id]


def refuse_if_touched(changes: Sequence[ImportChange]) -> None:
    held = keys_of([change.phone_id for change in changes])
    touched = [
        phone.mac
        for change, phone in phones_of(changes)
        if fingerprint(snapshot(phone, written_keys(held.get(phone.id, ())))) != change.after
    ]
    if touched:
        raise ImportStateError(
            N_("%(count)d of its phones were changed by hand since, among them %(macs)s."),
            count=len(touched),
            macs=", ".join(touched[:5]),
        )


def delete_added(ids: Sequence[int]) -> int:
    """The database deletes lines, revisions and steps with their phone."""
    deleted = 0
    for part in chunks(ids):
        targets = [str(number) for number in part]
        own = (SettingValue.scope == "phone") & SettingValue.target.in_(targets)
        db.session.execute(delete(SettingValue).where(own))
        deleted += db.session.query(Phone).where(Phone.id.in_(part)).count()
        db.session.execute(delete(Phone).where(Phone.id.in_(part)))
    return deleted


def restore(change: ImportChange, keys: Sequence[FunctionKey]) -> bool:
    phone = db.session.get(Phone, change.phone_id)
    if phone is None or change.before is None:
        return False
    before = json.loads(change.before)
    for name in OWN:
        setattr(phone, name, before[name])
    restore_keys(phone.id, before, keys)
    wanted = {line["number"]: line for line in before["lines"]}
    phone.lines = [line for line in phone.lines if line.number in wanted]
    present = {line.number: line for line in phone.lines}
    for number, values in wanted.items():
        line = present.get(number)
        if line is None:
            phone.lines.append(Line(**values))
            continue
        for name in OF_LINE:
            setattr(line, name, values[name])
    provision.index(phone)
    return True
