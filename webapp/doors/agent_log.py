"""Reports of agents, queued at the door and written in batches by one thread per process."""

import logging
from collections import defaultdict
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, bindparam, select, update

from webapp.doors import agent_alerts, agent_events, agent_spells
from webapp.doors.agent_messages import Report
from webapp.doors.batches import Batches
from webapp.extensions import utcnow
from webapp.models import Agent, Command, Company, Computer, Site
from webapp.provision import search_text
from webapp.titles import without_titles

log = logging.getLogger("belldesk.agents")

BOOT_SIGNS = 8  # kept of each earlier start, see Agent
EARLIER = 4

COMPUTER = (
    *(Computer.id, Computer.name, Computer.serial, Computer.reported_at, Computer.facts_sha256),
    *(Computer.account_id, Computer.address, Computer.site_id, Computer.os_name),
    *(Computer.manufacturer, Computer.model, Computer.account_name),
)
CONFIRM = (
    update(Computer)
    .where(Computer.id == bindparam("computer"))
    .values({name: bindparam(f"new_{name}") for name in ("reported_at", "locked", "booted_at")})
)
PRESENT = ("account_id", "account_name", "account_kind", "account_since", "address", "search")
MOVE = (
    update(Computer)
    .where(Computer.id == bindparam("computer"))
    .values({name: bindparam(f"new_{name}") for name in PRESENT})
)
AGENT_SEEN = (
    update(Agent)
    .where(Agent.id == bindparam("agent"))
    .values({name: bindparam(f"new_{name}") for name in ("seen_at", "address", "boot", "seq")})
)


class Heard(NamedTuple):
    """A report that was verified at the door; in review it moves nothing but the agent."""

    agent_id: int
    computer_id: int
    at: datetime
    address: str
    report: Report
    in_review: bool = False


class AgentLog(Batches[Heard]):
    what = "reports of agents"
    log = log

    def __init__(self, engine: Engine, queue: int = 50_000) -> None:
        super().__init__(engine, queue)

    def name(self, entry: Heard) -> str:
        return f"agent {entry.agent_id}"

    def write(self, batch: list[Heard]) -> None:
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # read what nobody writes meanwhile
            write(connection, batch)


def write(connection: Connection, batch: list[Heard]) -> None:
    """In the order of their ids: two processes that write the same computers do not block."""
    computers = lock(connection, {one.computer_id for one in batch})
    batch = sorted((one for one in batch if one.computer_id in computers), key=lambda one: one.at)
    move_agents(connection, batch, computers)
    heard: dict[int, list[Heard]] = defaultdict(list)
    for one in batch:
        if not one.in_review:
            heard[one.computer_id].append(one)
    if not heard:
        return
    changes = agent_spells.write(connection, heard, computers)
    confirm(connection, heard, computers)
    describe(connection, heard, computers, changes)
    agent_events.write(connection, heard)
    end_commands(connection, heard)


def lock(connection: Connection, ids: set[int]) -> dict[int, Any]:
    query = select(*COMPUTER).where(Computer.id.in_(sorted(ids))).order_by(Computer.id)
    return {row.id: row for row in connection.execute(query.with_for_update())}


def confirm(connection: Connection, heard: dict[int, list[Heard]], computers: Any) -> None:
    """The newest beat of each computer is its present."""
    rows = []
    for computer_id, reports in heard.items():
        newest, last = reports[-1], computers[computer_id].reported_at
        if last is None or newest.at > last:
            said = newest.report
            rows.append(
                {"computer": computer_id, "new_reported_at": newest.at, "new_locked": said.locked,
                 "new_booted_at": said.booted_at}
            )  # fmt: skip
    if rows:
        connection.execute(CONFIRM, rows)


def describe(
    connection: Connection,
    heard: dict[int, list[Heard]],
    computers: dict[int, Any],
    presents: dict[int, dict[str, Any]],
) -> None:
    """Write what seldom changes, when it did: who is on it, its address, its facts."""
    told = {number: last_facts(reports) for number, reports in heard.items()}
    changed = [number for number in heard if told[number] or number in presents]
    places = places_of(connection, {computers[number].site_id for number in changed})
    moved = []
    for number in changed:
        row, report = computers[number], heard[number][-1].report
        values = presents.get(number, {}) | told[number]
        now = {**row._mapping, **values}
        values["search"] = searched(now, report, places.get(row.site_id, ""))
        if told[number]:
            connection.execute(update(Computer).where(Computer.id == number).values(**values))
        else:
            moved.append({"computer": number, **{f"new_{name}": values[name] for name in PRESENT}})
    if moved:
        connection.execute(MOVE, moved)


def last_facts(reports: list[Heard]) -> dict[str, Any]:
    """The columns that the newest facts among them fill; none without facts."""
    told = [one for one in reports if one.report.facts]
    if not told or not (facts := told[-1].report.facts):
        return {}
    identity, system = facts.identity, facts.system
    return {
        "facts": facts.whole, "facts_sha256": told[-1].report.facts_sha256,
        "facts_at": told[-1].at, "name": identity.name, "manufacturer": identity.manufacturer,
        "model": identity.model, "system": system.system, "release": system.release,
        "os_name": system.os_name,
    }  # fmt: skip


def places_of(connection: Connection, sites: set[int]) -> dict[int, str]:
    query = select(Site.id, Site.name, Company.name).join(Company).where(Site.id.in_(sites))
    return {row[0]: f"{row[1]} {row[2]}" for row in connection.execute(query)} if sites else {}


def searched(now: dict[str, Any], report: Report, place: str) -> str:
    addresses = [key[0] for key in report.beat.addresses]
    words = ("name", "serial", "account_name", "address", "os_name", "manufacturer", "model")
    return search_text(*(str(now[word] or "") for word in words), *addresses, place)


def move_agents(connection: Connection, batch: list[Heard], computers: Any) -> None:
    columns = (Agent.id, Agent.boot, Agent.seq, Agent.seen_at, Agent.clone_at, Agent.clone_boot)
    ids = sorted({one.agent_id for one in batch})
    known = {row.id: row for row in connection.execute(select(*columns).where(Agent.id.in_(ids)))}
    last: dict[int, dict[str, Any]] = {}
    for one in batch:
        row = known.get(one.agent_id)
        if row is None or (row.seen_at is not None and one.at <= row.seen_at):
            continue
        boot, seq = one.report.boot, one.report.seq
        before = last.get(one.agent_id, {"new_boot": row.boot, "earlier": row.clone_boot})
        earlier = before["earlier"]
        if before["new_boot"] and boot != before["new_boot"]:
            if boot[:BOOT_SIGNS] in signs(earlier):
                agent_alerts.clone(connection, one, computers[one.computer_id])
            earlier = before["new_boot"].ljust(BOOT_SIGNS)[:BOOT_SIGNS] + earlier
            earlier = earlier[: BOOT_SIGNS * EARLIER]
            connection.execute(
                update(Agent).where(Agent.id == one.agent_id).values(clone_boot=earlier)
            )
        last[one.agent_id] = {
            "agent": one.agent_id, "new_seen_at": one.at, "new_address": one.address[:45],
            "new_boot": boot, "new_seq": seq, "earlier": earlier,
        }  # fmt: skip
    if last:
        rows = [{k: v for k, v in row.items() if k != "earlier"} for row in last.values()]
        connection.execute(AGENT_SEEN, rows)


def signs(earlier: str) -> set[str]:
    parts = range(0, len(earlier), BOOT_SIGNS)
    return {earlier[at : at + BOOT_SIGNS].rstrip() for at in parts}


def end_commands(connection: Connection, heard: dict[int, list[Heard]]) -> None:
    """A result ends a command of this very computer, once."""
    for computer_id, reports in heard.items():
        for result in (result for one in reports for result in one.report.results):
            open_one = (
                Command.number == result.number,
                Command.computer_id == computer_id,
                Command.state.in_(("queued", "sent", "expired")),
            )
            told = result.result
            if hides_titles(connection, computer_id):
                told = without_titles(told)
            values = {"state": result.state, "result": told, "ended_at": utcnow()}
            connection.execute(update(Command).where(*open_one).values(**values))


def hides_titles(connection: Connection, computer_id: int) -> bool:
    whose = select(Company.hide_titles).join(Site).join(Computer).where(Computer.id == computer_id)
    return bool(connection.scalar(whose))
