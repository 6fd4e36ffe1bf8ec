"""Who was on a computer and which addresses it had, folded from its beats: pure, no database.

A spell is open while each report confirms it, and known until the last of them. When the computer
is away for longer than GAP, or the report no longer names it, it ends where it was last confirmed:
what nobody saw is a gap.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

GAP = timedelta(minutes=3)

Key = tuple[str, ...]  # (domain, name, kind) of a use, (address,) of an address
Named = Mapping[Key, datetime | None]  # since when, where the computer says so


@dataclass
class Spell:
    """`id` is the stored row's, None for one that is new; `gone`: another took it in."""

    key: Key
    since: datetime
    until: datetime | None = None
    id: int | None = None
    told: datetime | None = None
    changed: bool = False
    gone: bool = False


class Beat(NamedTuple):
    at: datetime
    accounts: Named
    addresses: Named


@dataclass
class Known:
    """`seen` is the last report; the spells are those that run and, where beats of the past are to
    be filled in, those near them."""

    seen: datetime | None = None
    uses: list[Spell] = field(default_factory=list)
    addresses: list[Spell] = field(default_factory=list)


def fold(known: Known, beats: Iterable[Beat]) -> None:
    """Take in beats: those after the last report move it on, earlier ones fill the past."""
    past: list[Beat] = []
    for beat in sorted(beats, key=lambda beat: beat.at):
        if known.seen is not None and beat.at <= known.seen:
            past.append(beat)
            continue
        step(known.uses, beat.accounts, beat.at, known.seen)
        step(known.addresses, beat.addresses, beat.at, known.seen)
        known.seen = beat.at
    if past:
        fill(known.uses, [(beat.at, beat.accounts) for beat in past])
        fill(known.addresses, [(beat.at, beat.addresses) for beat in past])


def step(spells: list[Spell], named: Named, at: datetime, seen: datetime | None) -> None:
    """Move on to a report that names these; `seen` is the one before."""
    was_away = seen is not None and at - seen > GAP
    running = {spell.key: spell for spell in spells if spell.until is None}
    for key, spell in running.items():
        if was_away or key not in named:
            spell.until, spell.changed = seen or spell.since, True
    for key, told in named.items():
        if was_away or key not in running:
            spells.append(Spell(key, beginning(told, at, seen), told=told))


def beginning(told: datetime | None, at: datetime, seen: datetime | None) -> datetime:
    """What the computer says, unless that lies before the last report: it did not name it then, or
    was away since, and nobody knows of the time between."""
    if told is None or told > at or (seen is not None and told <= seen):
        return at
    return told


def fill(spells: list[Spell], beats: list[tuple[datetime, Named]]) -> None:
    """Put in what lies before the last report, in the order of time."""
    made: list[Spell] = []
    seen = beats[0][0] - GAP
    for number, (at, named) in enumerate(beats):
        step(made, named, at, seen if number else at - GAP)
        seen = at
    for spell in made:
        spell.until = spell.until or seen
        insert(spells, spell)


def insert(spells: list[Spell], new: Spell) -> None:
    """Add a spell of the past, made one with those of its key that it touches."""
    for old in [spell for spell in spells if spell.key == new.key and not spell.gone]:
        if touches(old, new):
            new = merged(old, new)
    if all(spell is not new for spell in spells):
        spells.append(new)


def touches(one: Spell, other: Spell) -> bool:
    first, second = (one, other) if one.since <= other.since else (other, one)
    if first.until is None or second.since <= first.until:
        return True
    began_anew = second.told is not None and second.told > first.until
    return not began_anew and second.since - first.until <= GAP


def merged(old: Spell, new: Spell) -> Spell:
    """The one that has a row stays, and holds both."""
    kept, other = (old, new) if new.id is None else (new, old)
    since = min(old.since, new.since)
    until = None if None in (old.until, new.until) else max(old.until, new.until)  # type: ignore[type-var]
    if (since, until) != (kept.since, kept.until):
        kept.since, kept.until, kept.changed = since, until, True
    other.gone = True
    return kept
