"""The files phones can fetch from us, and those that lie in the export folder."""

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Select, select

from provisioning.answer import plain_name
from provisioning.identify import identify
from provisioning.mask import mask
from provisioning.registry import Model, registry
from webapp import provision
from webapp.export import ExportedFile, exported_files
from webapp.extensions import db
from webapp.models import Phone, Revision, User

LARGEST = 4 * 1024 * 1024  # of an exported file that is shown; ours are under 200 KiB


@dataclass(frozen=True, slots=True)
class File:
    """One file under one of its names; `revision` is None for one of the export folder."""

    name: str
    body: bytes
    content_type: str
    phone: Phone | None
    revision: Revision | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the export folder; `after` and `before` are names, or None at the ends."""

    rows: Sequence[ExportedFile]
    total: int
    after: str | None
    before: str | None


def served(user: User, q: str = "") -> Select[Phone]:
    """Phones that have a file; a word of `q` may also be the name of a file."""
    words = " ".join(identify(word, "").mac or word for word in q.split())
    conditions: list[Any] = Phone.containing(provision.fold(words))
    return Phone.visible_to(user).where(Phone.revision_id.is_not(None), *conditions)


def revisions_of(phones: Iterable[Phone]) -> dict[int, Revision]:
    """The newest revisions by their ids, without their bodies."""
    ids = [phone.revision_id for phone in phones]
    rows = db.session.scalars(select(Revision).where(Revision.id.in_(ids)))
    return {revision.id: revision for revision in rows}


def names_of(phone: Phone) -> tuple[str, ...]:
    model = registry().models.get(phone.model)
    return model.files(phone.mac) if model else ()


def model_name(phone: Phone) -> str:
    model = registry().models.get(phone.model)
    return model.name if model else phone.model


def find(user: User, name: str) -> File | None:
    """The file a phone gets under this name, for a person who may see the phone."""
    query = Phone.visible_to(user).where(Phone.mac == identify(name, "").mac)
    phone: Phone | None = db.session.scalar(query)
    if phone is None or phone.revision_id is None:
        return None
    if plain_name(name) not in {known.lower() for known in names_of(phone)}:
        return None
    revision = db.session.get(Revision, phone.revision_id)
    if revision is None:
        return None
    return File(name, revision.body, revision.content_type, phone, revision)


def exported(folder: Path, q: str = "", after: str = "", before: str = "", size: int = 50) -> Slice:
    """The files of the folder by name: `size` of them after or before a name."""
    wanted = identify(q, "").mac or q.lower().replace(":", "").replace("-", "")
    found = [file for file in exported_files(folder) if wanted in file.name.lower()]
    names = [file.name for file in found]
    if before:
        end = bisect_left(names, before)
        start = max(0, end - size)
    else:
        start = bisect_right(names, after) if after else 0
        end = start + size
    rows = found[start:end]
    return Slice(
        rows,
        len(found),
        rows[-1].name if rows and end < len(found) else None,
        rows[0].name if rows and start > 0 else None,
    )


def find_exported(user: User, folder: Path, name: str) -> File | None:
    """Only what the folder's list shows can be opened: the name is compared, never joined."""
    listed = next((file for file in exported_files(folder) if file.name == name), None)
    body = content(listed.path) if listed else None
    if body is None:
        return None
    phone = db.session.scalar(Phone.visible_to(user).where(Phone.mac == identify(name, "").mac))
    return File(name, body, "application/octet-stream", phone)


def content(path: Path) -> bytes | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # purged since it was listed
        return None
    with os.fdopen(handle, "rb") as file:
        return file.read(LARGEST)


def phones_of(names: Iterable[str], user: User) -> dict[str, Phone]:
    """The phones these exported files are for, by the file's name."""
    macs = {name: identify(name, "").mac for name in names}
    query = Phone.visible_to(user).where(Phone.mac.in_(set(macs.values())))
    known = {phone.mac: phone for phone in db.session.scalars(query.options(*Phone.for_list()))}
    return {name: known[mac] for name, mac in macs.items() if mac in known}


def masked(file: File) -> str:
    """The file for eyes. Nobody can say by which model an exported one was made: all masks."""
    if file.revision and (model := registry().models.get(file.revision.model)):
        return mask(model, file.body)
    body = file.body
    for model in shapes():
        body = mask(model, body).encode()
    return body.decode("utf-8", "replace")


def shapes() -> list[Model]:
    """One model for every vendor and format there is."""
    return list(
        {
            (model.vendor.key, model.format.key): model for model in registry().models.values()
        }.values()
    )
