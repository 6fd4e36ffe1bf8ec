"""Which computer had an address at a moment, and who was on it. Below the features."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import contains_eager

from webapp.extensions import db
from webapp.models import AddressUse, Computer, ComputerUse

Asked = tuple[str, datetime]  # address and moment


class There(NamedTuple):
    computer: Computer
    people: list[ComputerUse]


def whereabouts(asked: Iterable[Asked]) -> dict[Asked, There]:
    """Of those addresses that a computer had then: two questions to the database for all."""
    pairs = list(set(asked))
    if not pairs:
        return {}
    first, last = min(at for _, at in pairs), max(at for _, at in pairs)
    query = (
        select(AddressUse)
        .join(Computer, Computer.id == AddressUse.computer_id)
        .options(contains_eager(AddressUse.computer))
        .where(AddressUse.address.in_({address for address, _ in pairs}))
        .where(AddressUse.since <= last)
        .where(or_(AddressUse.until.is_(None), AddressUse.until >= first))
    )
    had = db.session.scalars(query.order_by(AddressUse.since)).all()
    found = {}
    for address, at in pairs:
        for use in had:
            if use.address == address and use.held(at):
                found[(address, at)] = use.computer
    ids = {computer.id for computer in found.values()}
    on_it = on_them(ids, first, last)
    return {
        (address, at): There(
            computer,
            [use for use in on_it if use.computer_id == computer.id and use.held(at)],
        )
        for (address, at), computer in found.items()
    }


def on_them(ids: set[int], first: datetime, last: datetime) -> list[ComputerUse]:
    if not ids:
        return []
    query = select(ComputerUse).where(
        ComputerUse.computer_id.in_(ids),
        ComputerUse.since <= last,
        or_(ComputerUse.until.is_(None), ComputerUse.until >= first),
    )
    return list(db.session.scalars(query))
