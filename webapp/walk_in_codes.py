"""Codes on labels: who stands before a phone opens its window with one, once.

Below the features: one makes the codes, another takes them. A code opens no file; it opens the
window in which the phone may come for its own.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from flask import current_app
from sqlalchemy import CursorResult, Table, delete, update

from webapp import audit
from webapp.chunks import chunks
from webapp.config import Config
from webapp.door_keys import give_what_is_missing
from webapp.extensions import db, utcnow
from webapp.models import Phone, User, WalkIn

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: none looks like another
LENGTH, GROUP = 16, 4  # 80 random bits
MEANT = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
OPEN_FOR = timedelta(hours=1)  # the person is there: longer would be for somebody else

WALK_INS = cast("Table", WalkIn.__table__)


@dataclass(frozen=True, slots=True)
class Label:
    """`code` is stored nowhere: it can be shown now and never again."""

    phone: Phone
    code: str
    url: str


def make(phones: Sequence[Phone], user: User) -> list[Label]:
    """Make a code for each phone; codes of theirs that were not used end. The caller commits."""
    config: Config = current_app.extensions["belldesk"]
    forget_unused([phone.id for phone in phones])
    until = utcnow() + timedelta(hours=config.walk_in_hours)
    labels = []
    for phone in phones:
        code = new_code()
        labels.append(Label(phone, code, f"{config.base_url}/w/{code}"))
        db.session.add(
            WalkIn(
                phone=phone,
                code_digest=digest(code),
                user_id=user.id,
                expires_at=until,
            )
        )
    db.session.flush()
    return labels


def new_code() -> str:
    letters = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    return "-".join(letters[at : at + GROUP] for at in range(0, LENGTH, GROUP))


def digest(code: str) -> str:
    """What is stored of a code, however a person types it."""
    return hashlib.sha256(code.upper().translate(MEANT).encode("utf-8", "replace")).hexdigest()


def forget_unused(phone_ids: Sequence[int]) -> None:
    for part in chunks(list(phone_ids)):
        unused = WALK_INS.c.phone_id.in_(part) & WALK_INS.c.used_at.is_(None)
        if count := changed(delete(WALK_INS).where(unused)):
            audit.record("delete", "WalkIn", None, f"{count} unused codes")


def find(code: str) -> WalkIn | None:
    """The code's row if it can be used now."""
    found = db.session.scalar(WalkIn.with_digest(digest(code)))
    usable = found and found.used_at is None and utcnow() < found.expires_at
    return found if usable else None


def use(found: WalkIn, address: str) -> bool:
    """Open the phone's window by this code; False if another was quicker. The caller commits."""
    now = utcnow()
    mine = update(WALK_INS).where(
        WALK_INS.c.id == found.id, WALK_INS.c.used_at.is_(None), WALK_INS.c.expires_at > now
    )
    if not changed(mine.values(used_at=now, used_from=address[:45])):
        return False
    phone = found.phone
    audit.record("use", "WalkIn", found.id, str(phone), {"address": address, "phone": phone.id})
    give_what_is_missing([phone])
    phone.arm(max(now + OPEN_FOR, phone.armed_until or now))
    db.session.flush()
    return True


def changed(statement: Any) -> int:
    result = cast("CursorResult[Any]", db.session.execute(statement))
    return int(result.rowcount)
