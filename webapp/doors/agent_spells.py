"""Spells of computers, read for a batch of reports, folded by presence and written back."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, or_, select, update

from webapp.doors.presence import GAP, Beat, Known, Spell, fold
from webapp.models import Account, AddressUse, ComputerUse
from webapp.provision import fold as folded

USES = (
    select(
        ComputerUse.id, ComputerUse.computer_id, ComputerUse.since, ComputerUse.until,
        Account.domain, Account.name, ComputerUse.kind,
    ).join(Account, Account.id == ComputerUse.account_id)
)  # fmt: skip
ADDRESSES = select(
    *(AddressUse.id, AddressUse.computer_id, AddressUse.since, AddressUse.until),
    AddressUse.address,
)


def write(connection: Connection, heard: Any, computers: Any) -> dict[int, dict[str, Any]]:
    """Fold the reports in. Returns for each computer whose present changed the columns that say
    so."""
    beats = {number: list(beats_of(reports)) for number, reports in heard.items()}
    known = {number: Known(computers[number].reported_at) for number in heard}
    for row in rows(connection, USES, ComputerUse, beats, known):
        known[row.computer_id].uses.append(spell(row))
    for row in rows(connection, ADDRESSES, AddressUse, beats, known):
        known[row.computer_id].addresses.append(spell(row))
    for number, one in known.items():
        fold(one, beats[number])
    accounts = account_ids(connection, known.values())
    save(connection, ComputerUse, known, "uses", lambda key: use_columns(key, accounts))
    save(connection, AddressUse, known, "addresses", lambda key: {"address": key[0]})
    return dict(presents(heard, known, computers, accounts))


def beats_of(reports: Any) -> Iterable[Beat]:
    for one in reports:
        yield from one.report.past
        yield one.report.beat


def rows(connection: Connection, query: Any, model: Any, beats: Any, known: Any) -> Iterable[Any]:
    """The spells that run, and where the past is told anew, those near it."""
    wanted: ColumnElement[bool] = model.computer_id.in_(sorted(known)) & model.until.is_(None)
    yield from connection.execute(query.where(wanted))
    for number, told in beats.items():
        seen = known[number].seen
        first = min((beat.at for beat in told), default=None)
        if seen is None or first is None or first > seen:
            continue
        near = (model.computer_id == number, model.until >= first - GAP)
        yield from connection.execute(query.where(*near))


def spell(row: Any) -> Spell:
    key = tuple(row[4:])
    return Spell(key, row.since, row.until, row.id)


def account_ids(connection: Connection, known: Iterable[Known]) -> dict[tuple[str, str], int]:
    """Accounts by domain and name; those that were never seen are added."""
    names = {(s.key[0], s.key[1]) for one in known for s in one.uses}
    found: dict[tuple[str, str], int] = {}
    for missing in (False, True):
        wanted = sorted(names - found.keys())
        if missing and wanted:
            connection.execute(
                insert(Account),
                [{"domain": d, "name": n, "search": folded(f"{d}\\{n}")[:210]} for d, n in wanted],
            )
        for start in range(0, len(wanted), 200):
            part = wanted[start : start + 200]
            same = or_(*((Account.domain == d) & (Account.name == n) for d, n in part))
            columns = (Account.id, Account.domain, Account.name)
            for row in connection.execute(select(*columns).where(same)):
                found[(row.domain, row.name)] = row.id
    return found


def use_columns(key: tuple[str, ...], accounts: dict[tuple[str, str], int]) -> dict[str, Any]:
    return {"account_id": accounts[(key[0], key[1])], "kind": key[2]}


def save(connection: Connection, model: Any, known: Any, what: str, columns: Any) -> None:
    new, changed, gone = [], [], []
    for number, one in known.items():
        for each in getattr(one, what):
            confirmed = each.until or one.seen
            if each.gone:
                gone += [each.id] if each.id else []
            elif each.id is None:
                new.append(
                    {"computer_id": number, "since": each.since, "until": each.until,
                     "seen_at": confirmed, **columns(each.key)}
                )  # fmt: skip
            elif each.changed:
                changed.append(
                    {"row": each.id, "new_since": each.since, "new_until": each.until,
                     "new_seen_at": confirmed}
                )  # fmt: skip
    if gone:
        connection.execute(delete(model).where(model.id.in_(gone)))
    if changed:
        fields: dict[str, Any] = {
            name: bindparam(f"new_{name}") for name in ("since", "until", "seen_at")
        }
        query = update(model).where(model.id == bindparam("row")).values(fields)
        connection.execute(query, changed)
    if new:
        connection.execute(insert(model), new)


def presents(
    heard: Any, known: dict[int, Known], computers: Any, accounts: dict[tuple[str, str], int]
) -> Iterable[tuple[int, dict[str, Any]]]:
    for number, one in known.items():
        row, newest = computers[number], heard[number][-1]
        if row.reported_at is not None and newest.at <= row.reported_at:
            continue
        on_it = foremost(one.uses)
        values = who(on_it, accounts) | {"address": newest.report.address}
        if (row.account_id, row.address) != (values["account_id"], values["address"]) or (
            on_it is not None and (on_it.id is None or on_it.changed)
        ):
            yield number, values


def foremost(uses: list[Spell]) -> Spell | None:
    """Who sits before it, else who came last."""
    running = [use for use in uses if use.until is None and not use.gone]
    return max(running, key=lambda use: (use.key[2] == "console", use.since), default=None)


def who(use: Spell | None, accounts: dict[tuple[str, str], int]) -> dict[str, Any]:
    if use is None:
        return {"account_id": None, "account_name": "", "account_kind": "", "account_since": None}
    domain, name, kind = use.key
    return {
        "account_id": accounts[(domain, name)],
        "account_name": f"{domain}\\{name}" if domain else name,
        "account_kind": kind,
        "account_since": use.since,
    }
