"""How long a sign-in has to wait after wrong passwords. The truth is the sign-in log itself.

Three counters, each with a growing wait of at most a quarter of an hour:

- the pair of account and address, strictly;
- the account over all addresses, loosely: a botnet is slowed down;
- the address over all accounts, loosely: trying one password on every account is slowed down.

An address from which the account was entered in the last 30 days only has the first counter, so
nobody can lock a person out of the place they work at. A refused attempt counts for nothing, so
trying on does not make the wait longer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement

from webapp.extensions import db, utcnow
from webapp.models import SignIn

WINDOW = timedelta(hours=1)
KNOWN = timedelta(days=30)
FIRST_WAIT, LONGEST_WAIT = 15, 15 * 60  # seconds
QUIET = timedelta(seconds=60)
Scope = Sequence[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Wait:
    """`scope` is the counter that refused."""

    seconds: int
    scope: Scope


def penalty(failures: int, free: int) -> int:
    """Seconds to wait after so many failures, of which `free` cost nothing."""
    if failures < free:
        return 0
    return min(LONGEST_WAIT, FIRST_WAIT << min(failures - free, 10))


def counters(name: str, address: str, known_device: bool) -> list[tuple[Scope, int]]:
    """Each counter that applies, with its number of free failures."""
    found: list[tuple[Scope, int]] = [(SignIn.by_pair(name, address), 5)]
    since = SignIn.recent(KNOWN)
    if known_device or db.session.scalar(SignIn.successes(name, address, since).limit(1)):
        return found
    return [*found, (SignIn.by_account(name, since), 20), (SignIn.by_address(address), 30)]


def wait(
    name: str, address: str, before: int | None = None, known_device: bool = False
) -> Wait | None:
    """Say how long this account must wait at this address, None when it need not.

    `before` is the id of the attempt itself, which must not be counted.
    """
    now, longest = utcnow(), None
    for scope, free in counters(name, address, known_device):
        seconds = seconds_left(scope, free, before, now)
        if seconds > (longest.seconds if longest else 0):
            longest = Wait(seconds, scope)
    return longest


def seconds_left(scope: Scope, free: int, before: int | None, now: datetime) -> int:
    earlier = [SignIn.id < before] if before else []
    row = db.session.execute(SignIn.failures(now - WINDOW, *scope, *earlier)).one()
    count: int = row[0]
    last: datetime | None = row[1]
    passed = (now - last).total_seconds() if last else 0.0
    return max(0, math.ceil(penalty(count, free) - passed))


def is_noted(refused: Wait) -> bool:
    """True when this counter's refusals were written down within the last minute."""
    query = SignIn.throttled(SignIn.recent(QUIET), *refused.scope)
    return db.session.scalar(query.limit(1)) is not None
