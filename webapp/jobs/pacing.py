"""When each phone's turn is: never more at once than a site's line carries, networks by turns.

The times stand in the steps, so that they hold for any number of workers: none takes a step before
its time.
"""

import heapq
import ipaddress
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import Select, func, select, update

from webapp.chunks import chunks
from webapp.config import Config
from webapp.extensions import db, utcnow
from webapp.models import Phone, Run, RunStep, Site

ROUNDING = 1e-6  # 59.999... seconds are 60
LATE = timedelta(seconds=15)  # what is so late would come in a heap: it gets a new time


class Waiting(NamedTuple):
    """A step that has no time yet, and who shares its line."""

    step_id: int
    network: str
    per_minute: float


@dataclass
class Timetable:
    """Seconds from now at which phones are reached; a rate of 0 is no limit."""

    per_minute: float
    others: list[int] = field(default_factory=list)
    last: dict[str, int] = field(default_factory=dict)
    free: float = 0.0

    def occupy(self, network: str, second: int) -> None:
        """Count what another run does."""
        self.others.append(second)
        self.last[network] = max(self.last.get(network, 0), second)

    def place(self, waiting: Iterable[Waiting]) -> dict[int, list[int]]:
        """Return the steps of each second."""
        self.others.sort(reverse=True)
        queues: dict[str, deque[Waiting]] = {}
        for one in waiting:
            queues.setdefault(one.network, deque()).append(one)
        heap = [
            (self._after_others(network, queue[0]), turn, network)
            for turn, (network, queue) in enumerate(queues.items())
        ]
        heapq.heapify(heap)
        found: dict[int, list[int]] = {}
        while heap:
            moment, turn, network = heapq.heappop(heap)
            one = queues[network].popleft()
            moment = self._room(moment)
            found.setdefault(int(moment + ROUNDING), []).append(one.step_id)
            if queues[network]:
                heapq.heappush(heap, (moment + gap(one.per_minute), turn, network))
        return found

    def _after_others(self, network: str, first: Waiting) -> float:
        last = self.last.get(network)
        return 0.0 if last is None else last + gap(first.per_minute)

    def _room(self, moment: float) -> float:
        """Return the first moment from this one on at which the whole has room."""
        step = gap(self.per_minute)
        self.free = max(self.free, moment)
        while self.others and self.others[-1] <= self.free:
            self.others.pop()
            self.free += step
        moment, self.free = self.free, self.free + step
        return moment


def gap(per_minute: float) -> float:
    return 60 / per_minute if per_minute > 0 else 0.0


def schedule(run_id: int) -> None:
    """Give the run's steps of the present stage their times. The caller holds the run, commits."""
    config: Config = current_app.extensions["belldesk"]
    now = utcnow()
    table = Timetable(config.pushes_per_minute_total)
    for due_at, site_id, pace, address in db.session.execute(of_other_runs(run_id, now)):
        second = int((due_at - now).total_seconds())
        table.occupy(shared_line(site_id, pace, address)[0], second)
    own, unknown = [], []
    for step_id, site_id, pace, address in db.session.execute(of_this_run(run_id)):
        if address:
            own.append(Waiting(step_id, *shared_line(site_id, pace, address)))
        else:
            unknown.append(step_id)
    found = table.place(own)
    found.setdefault(0, []).extend(unknown)
    for second, ids in found.items():
        for part in chunks(ids):
            at = update(RunStep).where(RunStep.id.in_(part), RunStep.state == "queued")
            db.session.execute(
                at.values(due_at=now + timedelta(seconds=second)),
                execution_options={"synchronize_session": False},
            )


def schedule_again(run_id: int) -> None:
    """Give new times if nobody worked for a while: what piled up must not come at once."""
    since = utcnow() - LATE
    if not db.session.scalar(RunStep.overdue(run_id, since)):
        return
    if db.engine.dialect.name == "sqlite":  # no row locks: any write statement takes the file's
        db.session.execute(update(Run).where(Run.id == 0).values(stage=Run.stage))
    db.session.execute(select(Run.id).where(Run.id == run_id).with_for_update())
    if db.session.scalar(RunStep.overdue(run_id, since)):
        schedule(run_id)
    db.session.commit()


def of_this_run(run_id: int) -> Select[Any, int, int | None, str | None]:
    turn = select(Run.stage).where(Run.id == run_id).scalar_subquery()
    query = places(RunStep.id).where(RunStep.run_id == run_id, RunStep.state == "queued")
    return query.where(RunStep.stage <= turn).order_by(RunStep.stage, RunStep.id)


def of_other_runs(run_id: int, now: datetime) -> Select[Any, int, int | None, str | None]:
    query = places(RunStep.due_at).join(Run, Run.id == RunStep.run_id)
    return query.where(
        Run.state == "running", Run.id != run_id, RunStep.state == "queued", RunStep.due_at > now
    )


def places(column: Any) -> Select[Any, int, int | None, str | None]:
    address = func.coalesce(Phone.address, Phone.fetched_address).label("address")
    query = select(column, Phone.site_id, Site.pace, address).select_from(RunStep)
    return query.join(Phone, Phone.id == RunStep.phone_id).join(Site, Site.id == Phone.site_id)


def shared_line(site_id: int, pace: int | None, address: str | None) -> tuple[str, float]:
    """Who shares a line, and how much it carries: the site, if its pace is said; else the network.

    That is a /24, or a /64 of IPv6.
    """
    if pace is not None:
        return f"site {site_id}", pace
    config: Config = current_app.extensions["belldesk"]
    return network_of(address or ""), config.pushes_per_minute


def network_of(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    length = 24 if found.version == 4 else 64
    return str(ipaddress.ip_network((found, length), strict=False))
