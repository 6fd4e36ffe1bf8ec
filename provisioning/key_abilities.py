"""What a model can do on its keys, and in which words its file says so.

vendor.toml says, for each family, which kinds its file can express and in which words
(`[families.x.keys.kinds.blf]`); a model's data may say how many keys it has (`keys`), how many
expansion modules (`modules`) and how many keys each of those has (`module_keys`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioning.errors import N_, FunctionKeyError
from provisioning.keys import KINDS, place_of, refuse_nonsense
from provisioning.model import Key, Line, Phone

if TYPE_CHECKING:
    from provisioning.registry import Model

WITHOUT_ACCOUNT = ("dnd", "none", "url")


@dataclass(frozen=True, slots=True)
class Ability:
    """What a model can do on its keys. `most` and `module_most` are None where nobody knows."""

    kinds: Mapping[str, Mapping[str, str | int]]
    most: int | None
    modules: int
    module_most: int | None
    not_in_label: str


NO_KEYS = Ability({}, None, 0, None, "")


def ability_of(entry: Mapping[str, object], data: Mapping[str, object]) -> Ability:
    """From a family's `keys` table and a model's data."""
    kinds = entry.get("kinds", {})
    if not isinstance(kinds, dict) or kinds.keys() - KINDS.keys():
        raise ValueError(f"unknown kinds of keys: {kinds}")
    return Ability(
        kinds,
        _count(data.get("keys")),
        _count(data.get("modules")) or 0,
        _count(data.get("module_keys")),
        str(entry.get("not_in_label", "")),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def refuse_key(
    model: "Model", key: Key, accounts: Collection[int] | None = None, voicemail: str = "?"
) -> None:
    """Refuse what this model's file cannot say, in words that name the key's place.

    `accounts` are the lines that the phone uses, if there is a phone already, and `voicemail` is
    the number that it takes where a key of that kind names none.
    """
    refuse_nonsense(key)
    ability = model.key_ability
    place = place_of(key)
    if not ability.kinds or ability.most == 0:
        raise FunctionKeyError(N_("%(model)s: no key can be set by its file"), model=model.name)
    if key.kind not in ability.kinds:
        raise FunctionKeyError(
            N_("Key %(place)s: %(model)s cannot do this on a key: %(reason)s"),
            place=place, model=model.name, reason=KINDS[key.kind].title,
        )  # fmt: skip
    most = ability.most if key.module == 0 else ability.module_most
    if key.module > ability.modules or (most is not None and key.position > most):
        raise FunctionKeyError(
            N_("Key %(place)s: %(model)s has no such key"), place=place, model=model.name
        )
    if not 1 <= key.line <= model.lines:
        raise FunctionKeyError(
            N_("Key %(place)s: %(model)s has no line %(line)d"),
            place=place, model=model.name, line=key.line,
        )  # fmt: skip
    if accounts is not None and key.line not in accounts and key.kind not in WITHOUT_ACCOUNT:
        raise FunctionKeyError(
            N_("Key %(place)s: there is no account on line %(line)d"), place=place, line=key.line
        )
    refuse_number(model, key, place, voicemail)
    refuse_text(model, key, place)


def refuse_number(model: "Model", key: Key, place: str, voicemail: str) -> None:
    """Refuse a number that the file would not carry, and none where it must."""
    words = model.key_ability.kinds[key.kind]
    carried = any("{value}" in text for text in words.values() if isinstance(text, str))
    if key.value and not carried:
        raise FunctionKeyError(
            N_("Key %(place)s: on %(model)s this kind takes no number"),
            place=place,
            model=model.name,
        )
    needed = not voicemail if key.kind == "voicemail" else not words.get("optional")
    if carried and not key.value and needed:
        raise FunctionKeyError(
            N_("Key %(place)s: on %(model)s this kind needs a number"),
            place=place,
            model=model.name,
        )


def refuse_text(model: "Model", key: Key, place: str) -> None:
    for text in (key.value, key.label):
        reason = model.format.refusal(text)
        if reason is not None:
            raise FunctionKeyError(N_("Key %(place)s: %(reason)s"), place=place, reason=reason)
    if any(sign in key.label for sign in model.key_ability.not_in_label):
        raise FunctionKeyError(
            N_("Key %(place)s: the label may hold none of %(signs)s on %(model)s"),
            place=place, signs=model.key_ability.not_in_label, model=model.name,
        )  # fmt: skip


def for_template(phone: Phone, model: "Model") -> list[dict[str, object]]:
    """The keys in the family's words, for its template: in order, `index` counted from 0."""
    if not phone.keys:
        return []
    lines = {line.number: line for line in phone.lines}
    ordered = sorted(phone.keys, key=lambda key: (key.module, key.position))
    return [worded(key, lines.get(key.line), phone, model) for key in ordered]


def worded(key: Key, line: Line | None, phone: Phone, model: "Model") -> dict[str, object]:
    value = key.value
    if key.kind == "voicemail" and not value:
        value = str(phone.settings["voicemail.number"])
    said = {
        "value": value,
        "line": key.line,
        "line0": key.line - 1,
        "label": key.label,
        "name": key.label or value or (line.user if line and key.kind == "line" else ""),
        "user": line.user if line else "",
        "host": bracketed(line.server.host) if line else "",
    }
    words = model.key_ability.kinds[key.kind]
    filled = {
        name: text.format_map(said) if isinstance(text, str) else text
        for name, text in words.items()
    }
    place = {"module": key.module, "position": key.position, "index": key.position - 1}
    return {**said, **place, "kind": key.kind, **filled}


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
