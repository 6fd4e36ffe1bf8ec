"""The keys of phones: which hold, where they come from, what is left out. Below all pages."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from provisioning.errors import N_, FunctionKeyError
from provisioning.key_abilities import refuse_key
from provisioning.keys import KINDS, parse_key, refuse_nonsense
from provisioning.model import Key
from provisioning.registry import Model, registry
from webapp.extensions import db
from webapp.models import FunctionKey, Phone

PLACE = re.compile(r"(?:(\d{1,2})\.)?(\d{1,3})", re.ASCII)
BLANK = 4
MOST_ROWS = 250


@dataclass(frozen=True, slots=True)
class Shown:
    """A key that holds for a phone; `origin` is phone or profile. `left_out` says why its file
    goes without it."""

    key: Key
    origin: str
    left_out: FunctionKeyError | None


def plain(row: FunctionKey) -> Key:
    return Key(row.module, row.position, row.kind, row.line, row.value, row.label)


class KeysInForce:
    """Read once for any number of phones; a phone's own key stands above its profile's."""

    def __init__(self, phone_ids: Sequence[int]) -> None:
        self.of_phones: dict[int, list[Key]] = {}
        self.of_profiles: dict[int, list[Key]] = {}
        self.judged: dict[tuple[object, ...], list[Shown]] = {}
        wanted = FunctionKey.phone_id.is_(None) | FunctionKey.phone_id.in_(phone_ids)
        for row in db.session.scalars(select(FunctionKey).where(wanted)):
            if row.phone_id is not None:
                self.of_phones.setdefault(row.phone_id, []).append(plain(row))
            elif row.profile_id is not None:
                self.of_profiles.setdefault(row.profile_id, []).append(plain(row))

    def of(self, phone: Phone, voicemail: str) -> tuple[Key, ...]:
        """The keys that stand in the phone's file."""
        if phone.id not in self.of_phones and phone.profile_id not in self.of_profiles:
            return ()
        return tuple(one.key for one in self.shown(phone, voicemail) if one.left_out is None)

    def shown(self, phone: Phone, voicemail: str) -> list[Shown]:
        accounts = tuple(line.number for line in phone.lines)
        if phone.id in self.of_phones:
            return self.judge(phone, accounts, voicemail)
        same = (phone.model, phone.profile_id, accounts, voicemail)
        if same not in self.judged:
            self.judged[same] = self.judge(phone, accounts, voicemail)
        return self.judged[same]

    def judge(self, phone: Phone, accounts: Sequence[int], voicemail: str) -> list[Shown]:
        model = registry().model(phone.model)
        held = {
            (key.module, key.position): (key, origin)
            for origin, keys in (
                ("profile", self.of_profiles.get(phone.profile_id or 0, ())),
                ("phone", self.of_phones.get(phone.id, ())),
            )
            for key in keys
        }
        return [
            Shown(key, origin, refusal(key, model, accounts, voicemail))
            for _place, (key, origin) in sorted(held.items())
        ]


def refusal(
    key: Key,
    model: Model | None = None,
    accounts: Sequence[int] | None = None,
    voicemail: str = "?",
) -> FunctionKeyError | None:
    """Why this key cannot be; without a model only what no phone could do is refused."""
    try:
        if model is None:
            refuse_nonsense(key)
        else:
            refuse_key(model, key, accounts, voicemail)
    except FunctionKeyError as error:
        return error
    return None


@dataclass(slots=True)
class Row:
    """A line of the editor, as it was typed."""

    place: str = ""
    kind: str = ""
    line: str = "1"
    value: str = ""
    label: str = ""
    error: FunctionKeyError | None = None


@dataclass(slots=True)
class Typed:
    """What an editor sent: its rows, and those of them that are keys."""

    rows: list[Row]
    pairs: list[tuple[Row, Key]] = field(default_factory=list)

    @property
    def keys(self) -> list[Key]:
        return [key for _row, key in self.pairs]

    @property
    def good(self) -> bool:
        return not any(row.error for row in self.rows)


def rows_of(keys: Iterable[Key], blank: int = BLANK) -> list[Row]:
    """The editor's rows for these keys, and blank ones with the next places."""
    rows = [
        Row(place(key.module, key.position), key.kind, str(key.line), key.value, key.label)
        for key in sorted(keys, key=lambda key: (key.module, key.position))
    ]
    return add_blank(rows, blank)


def place(module: int, position: int) -> str:
    return f"{module}.{position}" if module else str(position)


def add_blank(rows: list[Row], count: int) -> list[Row]:
    taken = [int(row.place) for row in rows if row.place.isascii() and row.place.isdigit()]
    first = max(taken, default=0) + 1
    free = range(first, first + min(count, MOST_ROWS - len(rows)))
    return [*rows, *(Row(str(position)) for position in free)]


def typed(form: Mapping[str, str]) -> Typed:
    """Read an editor's form; a row without a kind is no key."""
    found = Typed([])
    places = set()
    for number in range(MOST_ROWS):
        if f"key-{number}-kind" not in form:
            break
        row = typed_row(form, number)
        found.rows.append(row)
        if not row.kind:
            continue
        key = key_of(row)
        if key is None:
            continue
        if (key.module, key.position) in places:
            row.error = FunctionKeyError(
                N_("Two keys stand at the place %(place)s"), place=row.place
            )
        places.add((key.module, key.position))
        row.error = row.error or refusal(key)
        found.pairs.append((row, key))
    return found


def typed_row(form: Mapping[str, str], number: int) -> Row:
    def said(name: str) -> str:
        return form.get(f"key-{number}-{name}", "").strip()[:300]

    return Row(said("place"), said("kind"), said("line"), said("value"), said("label"))


def key_of(row: Row) -> Key | None:
    """The key of a row; None after noting what cannot be read."""
    where = PLACE.fullmatch(row.place)
    if where is None:
        row.error = FunctionKeyError(
            N_("“%(place)s” is no place: write 3, or 1.3 for key 3 of module 1"),
            place=row.place[:20],
        )
    elif not (row.line.isascii() and row.line.isdigit() and len(row.line) < 4):
        row.error = FunctionKeyError(
            N_("“%(line)s” is not the number of a line"), line=row.line[:20]
        )
    else:
        module, position = int(where[1] or 0), int(where[2])
        return Key(module, position, row.kind, int(row.line), row.value, row.label)
    return None


def save(rows: Sequence[FunctionKey], keys: Iterable[Key], **owner: int) -> bool:
    """Make `rows` be these keys; True if that changed something. The caller commits."""
    present = {(row.module, row.position): row for row in rows}
    wanted = {(key.module, key.position): key for key in keys}
    if {at: plain(row) for at, row in present.items()} == wanted:
        return False
    for at in present.keys() - wanted.keys():
        db.session.delete(present[at])
    for at, key in wanted.items():
        put(present.get(at), key, **owner)
    return True


def put(row: FunctionKey | None, key: Key, **owner: int) -> None:
    if row is None:
        db.session.add(FunctionKey(**owner, **values(key)))
        return
    row.kind, row.line, row.value, row.label = key.kind, key.line, key.value, key.label


def parsed(text: str) -> Key:
    """The key that `provisioning.keys.written` wrote."""
    return parse_key(text, 1)


def values(key: Key) -> dict[str, object]:
    return {
        "module": key.module,
        "position": key.position,
        "kind": key.kind,
        "line": key.line,
        "value": key.value,
        "label": key.label,
    }


def kinds_for(model: Model | None) -> list[tuple[str, str]]:
    """What an editor offers: the kinds that the model can do, or all."""
    able = model.key_ability.kinds if model else KINDS
    return [(kind.key, kind.title) for kind in KINDS.values() if kind.key in able]
