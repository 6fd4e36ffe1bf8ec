"""The keys beside a phone's display: what they can do, and how people write them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from provisioning.errors import N_, FunctionKeyError
from provisioning.model import Key


@dataclass(frozen=True, slots=True)
class Kind:
    """`value`: needed, optional or none; `web` says that it is an address, not a number."""

    key: str
    title: str
    value: str
    web: bool = False


KINDS = {
    kind.key: kind
    for kind in (
        Kind("line", N_("Line"), "none"),
        Kind("blf", N_("Busy lamp (BLF)"), "needed"),
        Kind("speed", N_("Speed dial"), "needed"),
        Kind("pickup", N_("Pick up a call"), "optional"),
        Kind("park", N_("Park a call"), "optional"),
        Kind("forward", N_("Call forwarding"), "optional"),
        Kind("dnd", N_("Do not disturb"), "none"),
        Kind("voicemail", N_("Voice mail"), "optional"),
        Kind("url", N_("Web address"), "needed", web=True),
        Kind("none", N_("Nothing (empties the key)"), "none"),
    )
}
MOST_MODULES = 9
MOST_POSITIONS = 200
LONGEST_VALUE = 250
LONGEST_LABEL = 60
NUMBER = re.compile(r"[A-Za-z0-9*#+._-]{1,60}", re.ASCII)
WEB = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&()*+,=%-]{1,200}", re.ASCII)
ITEM = re.compile(
    r"(?:(?:(?P<module>\d{1,2})\.)?(?P<position>\d{1,3})\s*=\s*)?"
    r"(?P<kind>[A-Za-z]+)(?:@(?P<line>\d{1,2}))?\s*(?::(?P<rest>.*))?",
    re.ASCII | re.DOTALL,
)


def parse_key(text: str, position: int, *, fixed: bool = False) -> Key:
    """Read "blf:1001:Alice", "5=speed@2:0123|Home", "1.3=dnd"; "1.3" is key 3 of module 1.

    `position` holds where the text names none; with `fixed` it may name none.
    """
    found = ITEM.fullmatch(text.strip())
    if found is None or (fixed and found["position"]):
        raise FunctionKeyError(
            N_("Key %(place)s: “%(text)s” is none; write kind:value:label, as in blf:1001:Alice"),
            place=position,
            text=text.strip()[:60],
        )
    kind = KINDS.get(found["kind"].lower())
    if kind is None:
        raise FunctionKeyError(
            N_("Key %(place)s: “%(kind)s” is not a kind of key; there are %(kinds)s"),
            place=found["position"] or position,
            kind=found["kind"][:20],
            kinds=", ".join(KINDS),
        )
    rest = found["rest"] or ""
    value, _sign, label = rest.partition("|" if kind.web or "|" in rest else ":")
    key = Key(
        module=int(found["module"] or 0),
        position=int(found["position"] or position),
        kind=kind.key,
        line=int(found["line"] or 1),
        value=value.strip(),
        label=label.strip(),
    )
    if kind.value == "none" and key.value and not key.label:  # "dnd:Quiet" names it
        key = Key(key.module, key.position, key.kind, key.line, "", key.value)
    refuse_nonsense(key)
    return key


def parse_keys(text: str) -> tuple[Key, ...]:
    """Read a list parted by semicolons; a key without a place follows the one before it."""
    found: list[Key] = []
    position = 1
    for item in text.split(";"):
        if item.strip():
            found.append(parse_key(item, position))
            position = found[-1].position + 1
    refuse_twins(found)
    return tuple(found)


def written(key: Key) -> str:
    """The way back from a key to text, which `parse_key` reads."""
    place = f"{key.module}.{key.position}" if key.module else str(key.position)
    line = f"@{key.line}" if key.line != 1 else ""
    text = f"{place}={key.kind}{line}"
    sign = "|" if KINDS[key.kind].web else ":"
    return text + "".join(
        [
            f":{key.value}" if key.value or key.label else "",
            f"{sign}{key.label}" if key.label else "",
        ]
    )


def refuse_twins(keys: Iterable[Key]) -> None:
    seen = set()
    for key in keys:
        if (key.module, key.position) in seen:
            raise FunctionKeyError(N_("Two keys stand at the place %(place)s"), place=place_of(key))
        seen.add((key.module, key.position))


def place_of(key: Key) -> str:
    return f"{key.module}.{key.position}" if key.module else str(key.position)


def refuse_nonsense(key: Key) -> None:
    """Refuse what no phone could do, whoever made it."""
    kind, place = KINDS.get(key.kind), place_of(key)
    if kind is None:
        message = N_("Key %(place)s: there is no kind of key “%(kind)s”")
        raise FunctionKeyError(message, place=place, kind=key.kind[:20])
    if not (0 <= key.module <= MOST_MODULES and 1 <= key.position <= MOST_POSITIONS):
        raise FunctionKeyError(N_("There is no place %(place)s for a key"), place=place)
    if kind.value == "none" and key.value:
        message = N_("Key %(place)s: a key of this kind takes no number: %(reason)s")
        raise FunctionKeyError(message, place=place, reason=kind.title)
    if kind.value == "needed" and not key.value:
        message = N_("Key %(place)s: a key of this kind needs a number: %(reason)s")
        raise FunctionKeyError(message, place=place, reason=kind.title)
    if key.value and not (WEB if kind.web else NUMBER).fullmatch(key.value):
        message = N_("Key %(place)s: “%(value)s” is neither a number to dial nor a web address")
        raise FunctionKeyError(message, place=place, value=key.value[:60])
    if len(key.label) > LONGEST_LABEL:
        message = N_("Key %(place)s: its label has %(most)d characters at most")
        raise FunctionKeyError(message, place=place, most=LONGEST_LABEL)
