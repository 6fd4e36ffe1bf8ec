"""Who was where and when: of one person, of one moment, and of everything."""

import ipaddress
from datetime import UTC, datetime
from typing import Any

from flask import abort, request
from flask.typing import ResponseReturnValue
from flask_babel import to_utc
from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import contains_eager

from webapp import htmx
from webapp.access import needs
from webapp.computers.routes import bp
from webapp.extensions import db
from webapp.models import Account, AddressUse, Computer, ComputerUse
from webapp.paging import Key, page_of
from webapp.provision import fold

BY_TIME = [Key(ComputerUse.since, "since", descending=True), Key(ComputerUse.id, "id", True)]
NEWEST = [Key(ComputerUse.id, "id", descending=True)]


@bp.get("/people/<int:account_id>")
@needs("computers.read")
def person(account_id: int) -> ResponseReturnValue:
    """Every computer this account was on, and when."""
    account = db.session.get(Account, account_id) or abort(404)
    query = uses().where(ComputerUse.account_id == account.id)
    found = page_of(query, BY_TIME)
    return htmx.render(
        "computers/person.html", "computers/_uses.html",
        account=account, found=found, addresses=addresses_of(found.rows),
    )  # fmt: skip


@bp.get("/history")
@needs("computers.read")
def history() -> ResponseReturnValue:
    """Uses that fit `q` (a person, a computer, an address), at the moment `at` if it is told."""
    words, text = request.args.get("q", "").strip()[:100], request.args.get("at", "")
    moment = moment_of(text)
    query = uses().where(*(fits(word, moment) for word in words.split()[:5]))
    if moment is not None:
        query = query.where(ComputerUse.at(moment))
    found = page_of(query, NEWEST)
    return htmx.render(
        "computers/history.html", "computers/_uses.html",
        q=words, at=text if moment else "", wrong=bool(text) and moment is None, found=found,
        moment=moment, addresses=addresses_of(found.rows),
        unused=nobody(words, moment) if moment and not found.rows else [],
    )  # fmt: skip


def uses() -> Select[Any]:
    return (
        select(ComputerUse)
        .join(Computer, Computer.id == ComputerUse.computer_id)
        .options(contains_eager(ComputerUse.computer))
    )


def fits(word: str, moment: datetime | None) -> ColumnElement[bool]:
    """A whole address means whoever had it, then; other words are searched for anywhere."""
    if address := address_of(word):
        return ComputerUse.computer_id.in_(had(address, moment))
    plain = fold(word)
    accounts = select(Account.id).where(Account.search.contains(plain, autoescape=True))
    part = select(AddressUse.computer_id).where(
        AddressUse.address.startswith(plain, autoescape=True)
    )
    return or_(
        ComputerUse.account_id.in_(accounts),
        Computer.search.contains(plain, autoescape=True),
        ComputerUse.computer_id.in_(part) if plain[:1].isdigit() else Computer.id < 0,
    )


def had(address: str, moment: datetime | None) -> Select[Any]:
    query = select(AddressUse.computer_id).where(AddressUse.address == address)
    if moment is None:
        return query
    query = query.join(Computer, Computer.id == AddressUse.computer_id)
    return query.where(AddressUse.at(moment)).correlate(None)


def nobody(words: str, moment: datetime) -> list[Computer]:
    """Computers that had the address then, though nobody is known to have been on them."""
    address = address_of(words)
    if not address:
        return []
    return list(db.session.scalars(select(Computer).where(Computer.id.in_(had(address, moment)))))


def addresses_of(rows: list[ComputerUse]) -> dict[int, list[str]]:
    """By use: the addresses its computer had while it lasted."""
    if not rows:
        return {}
    ids = {use.computer_id for use in rows}
    query = select(AddressUse).where(
        AddressUse.computer_id.in_(ids),
        AddressUse.since <= max(use.sure_until for use in rows),
        or_(AddressUse.until.is_(None), AddressUse.until >= min(use.since for use in rows)),
    )
    known = db.session.scalars(query.order_by(AddressUse.since)).all()
    found: dict[int, list[str]] = {}
    for use in rows:
        there = (a for a in known if a.computer_id == use.computer_id)
        during = (a for a in there if a.since <= use.sure_until and a.sure_until >= use.since)
        found[use.id] = list(dict.fromkeys(a.address for a in during))
    return found


def address_of(word: str) -> str:
    try:
        return str(ipaddress.ip_address(word))
    except ValueError:
        return ""


def moment_of(text: str) -> datetime | None:
    """What a date field sends, in the zone of who asks; or an ISO time with its own."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else to_utc(found).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
