"""Other settings for many phones at once: what would change, then one transaction."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Select, delete, insert
from sqlalchemy.orm import lazyload
from werkzeug.datastructures import MultiDict

from provisioning.registry import registry
from provisioning.settings import CATALOGUE, Effective, Setting, parse, resolve
from webapp import audit
from webapp.chunks import chunks
from webapp.extensions import db
from webapp.models import Phone, SettingValue
from webapp.provision import Settings
from webapp.setting_values import refusal, stored_form

AT_ONCE = 1000

Wanted = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Change:
    """One setting of one phone; `heeded` says whether the file of its model knows it at all."""

    phone: Phone
    setting: Setting
    text: str | None
    old: Effective
    new: Effective
    heeded: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """One setting over all chosen phones; `ignored` of the changed ones heed it not."""

    setting: Setting
    text: str | None
    changed: int
    same: int
    ignored: int


def wanted_of(form: MultiDict[str, str]) -> tuple[dict[str, str | None], dict[str, str]]:
    """What the form chooses (None: back to what is inherited), and words for what it may not."""
    wanted: dict[str, str | None] = {}
    errors: dict[str, str] = {}
    inherit = set(form.getlist("inherit"))
    for key in CATALOGUE:
        text = stored_form(form.get(f"set:{key}", ""))
        if text is None and key not in inherit:
            continue
        wanted[key] = text
        if text is not None and key in inherit:
            errors[key] = str(_("Either a value, or back to what is inherited"))
        elif error := refusal(key, text):
            errors[key] = error
    return wanted, errors


def listed(phones: Select[Any]) -> list[Phone]:
    """The phones without what nobody needs here: lines, and secrets that would be decrypted."""
    query = phones.options(*Phone.for_list()[:-1], lazyload(Phone.lines)).order_by(Phone.mac)
    return list(db.session.scalars(query))


def changes(phones: Sequence[Phone], wanted: Wanted) -> Iterator[Change]:
    """What is not so already, phone by phone; none of a phone whose model nobody knows."""
    phones = [phone for phone in phones if phone.model in registry().models]
    shared: dict[tuple[object, ...], dict[str, Effective]] = {}
    for part in chunks(phones, AT_ONCE):
        settings = Settings([phone.id for phone in part])
        for phone in part:
            key = (phone.model, phone.site_id, phone.profile_id)
            if key not in shared:
                shared[key] = resolve(settings.layers(phone)[:-1])
            own = settings.values.get(("phone", str(phone.id)), {})
            yield from of_phone(phone, own, shared[key], wanted)


def of_phone(
    phone: Phone, own: Mapping[str, str], inherited: Mapping[str, Effective], wanted: Wanted
) -> Iterator[Change]:
    heeded = registry().model(phone.model).settings
    for key, text in wanted.items():
        if own.get(key) != text:
            old = Effective(parse(key, own[key]), "phone") if key in own else inherited[key]
            new = inherited[key] if text is None else Effective(parse(key, text), "phone")
            yield Change(phone, CATALOGUE[key], text, old, new, key in heeded)


def summaries(found: Iterable[Change], wanted: Wanted, total: int) -> list[Summary]:
    changed: Counter[str] = Counter()
    ignored: Counter[str] = Counter()
    for change in found:
        changed[change.setting.key] += 1
        ignored[change.setting.key] += not change.heeded
    return [
        Summary(CATALOGUE[key], text, changed[key], total - changed[key], ignored[key])
        for key, text in wanted.items()
    ]


def save(found: Sequence[Change], wanted: Wanted) -> list[int]:
    """Write the changes; return the phones they are of. The caller commits."""
    for key, text in wanted.items():
        targets = [str(change.phone.id) for change in found if change.setting.key == key]
        for part in chunks(targets):
            own = (SettingValue.scope == "phone") & (SettingValue.key == key)
            db.session.execute(delete(SettingValue).where(own, SettingValue.target.in_(part)))
            if text is not None:
                values = {"scope": "phone", "key": key, "value": text}
                db.session.execute(insert(SettingValue), [values | {"target": t} for t in part])
    ids = sorted({change.phone.id for change in found})
    note = {
        "set": [key for key, text in wanted.items() if text is not None],
        "inherit": [key for key, text in wanted.items() if text is None],
        "phones": ids[:200],
    }
    audit.record("change settings", "Phone", None, f"{len(ids)} phones", note)
    return ids
