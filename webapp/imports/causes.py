"""Why rows of an upload are refused, with the rows that each cause stops."""

import hashlib
from dataclasses import dataclass

from provisioning.sheet import Reason
from webapp.imports.plan import Plan, Planned

MOST_ALIKE = 12


@dataclass(frozen=True, slots=True)
class Cause:
    """`reason` is the first of its kind; with `several` the rows differ in what fills it."""

    key: str
    reason: Reason
    several: bool
    rows: tuple[Planned, ...]


def causes(plan: Plan) -> list[Cause]:
    """The causes, those of most rows first: one a wording, or one a kind if there are many."""
    kinds: dict[str, dict[str, list[tuple[Reason, Planned]]]] = {}
    for planned in plan.having("refused"):
        for reason in planned.reasons:
            texts = kinds.setdefault(reason.message, {})
            texts.setdefault(str(reason), []).append((reason, planned))
    found = []
    for message, texts in kinds.items():
        if len(texts) > MOST_ALIKE:
            found.append(cause(message, [pair for pairs in texts.values() for pair in pairs], True))
        else:
            found.extend(cause(text, pairs, False) for text, pairs in texts.items())
    return sorted(found, key=lambda one: (-len(one.rows), one.rows[0].row.number))


def cause(text: str, pairs: list[tuple[Reason, Planned]], several: bool) -> Cause:
    by_number = {planned.row.number: planned for _, planned in pairs}
    rows = tuple(by_number[number] for number in sorted(by_number))
    key = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    return Cause(key, pairs[0][0], several, rows)
