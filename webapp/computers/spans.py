"""Uses of a computer as a person reads them: with the gaps of which nothing is known."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

from webapp.models import ComputerUse

SHORTEST_GAP = timedelta(minutes=3)


class Span(NamedTuple):
    """`use` None: nobody is known to have been there then."""

    use: ComputerUse | None
    since: datetime
    until: datetime


def spans(uses: Sequence[ComputerUse]) -> list[Span]:
    """Newest first, as the uses are given."""
    ends = [use.sure_until for use in uses]
    latest = list(accumulate(reversed(ends), max))[::-1]  # end of what is still to be listed
    found: list[Span] = []
    for number, use in enumerate(uses):
        since = uses[number - 1].since if number else None
        if since is not None and since - latest[number] > SHORTEST_GAP:
            found.append(Span(None, latest[number], since))
        found.append(Span(use, use.since, ends[number]))
    return found
