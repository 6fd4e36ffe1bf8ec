"""The second half of a step: tell the phone, by one channel after the other until one works.

Every try is recorded before anything is sent, so that a push of a worker that was killed is known
too. All writing is done here, in the worker's own thread; the crew's threads only talk to phones.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from flask import current_app
from sqlalchemy import select

from webapp.extensions import db
from webapp.jobs import leases, pins, targets
from webapp.jobs.crew import MOST, Crew, Told
from webapp.jobs.errands import Errand, attempt, begun, delivered, drop_notifies, read
from webapp.jobs.records import (
    forget_the_lost,
    row,
    unreached,
    write_ends,
    write_notes,
    write_outcomes,
)
from webapp.models import Run, RunStep

log = logging.getLogger("belldesk.jobs")


@dataclass
class Outgoing:
    """What this worker is telling phones. One for each process."""

    crew: Crew = field(default_factory=Crew)
    errands: dict[int, Errand] = field(default_factory=dict)  # by the row of the try under way
    next_ones: list[Errand] = field(default_factory=list)
    unwritten: list[Told] = field(default_factory=list)
    tokens: Counter[str] = field(default_factory=Counter)
    renewed: float = 0.0

    @property
    def is_busy(self) -> bool:
        return bool(self.errands or self.next_ones)

    def room(self) -> int:
        return max(0, MOST - len(self.errands) - len(self.next_ones))

    def take(self, run: Run, steps: Sequence[RunStep], staged: bool) -> None:
        """Begin with these steps, whose leases are ours; what cannot be reached ends here."""
        options = run.options or {}
        forget_the_lost(run.id, [step.phone_id for step in steps if step.attempts > 1])
        phones = read([step.phone_id for step in steps])
        ways = targets.ways(list(phones.values()), reboot=options.get("reboot", True))
        begun, ended = [], []
        for step in steps:
            phone = phones.get(step.phone_id or 0)
            if phone is None:
                ended.append(row(step.id, step.worker, "stopped", "gone"))
                continue
            way = ways[phone.id]
            if staged and phone.state == "current":
                ended.append(row(step.id, step.worker, "done", "current"))
            elif way.message:
                ended.append(unreached(step.id, str(step.worker), way.message, way.params, staged,
                                       options))  # fmt: skip
            else:
                begun.append(
                    Errand(step.id, run.id, phone.id, str(step.worker), way.address,
                           deque(way.methods), options, staged)
                )  # fmt: skip
        write_ends(ended)
        db.session.commit()
        self.tokens.update(errand.token for errand in begun)
        leases.IN_HAND.update(self.tokens)
        self.next_ones += begun
        self.go()

    def go(self) -> None:
        """Begin what comes next for each; one that cannot be begun takes no other with it."""
        going, self.next_ones = self.next_ones, []
        if not going:
            return
        try:
            self.send(going)
        except Exception as error:  # a phone may hold what no key opens, the database may be away
            db.session.rollback()
            log.exception("%d pushes could not be begun", len(going))
            if len(going) == 1:
                self.give_back(going[0], error)
                return
            for errand in going:
                self.next_ones = [errand]
                self.go()

    def send(self, going: Sequence[Errand]) -> None:
        """Record what comes next for each, then send it."""
        phones = read([errand.phone_id for errand in going])
        going = [errand for errand in going if errand.phone_id in phones or self.leave(errand)]
        rows = [begun(errand) for errand in going]
        db.session.add_all(rows)
        db.session.flush()
        tries = [
            attempt(delivery.id, errand, phones[errand.phone_id])
            for delivery, errand in zip(rows, going, strict=True)
        ]
        db.session.commit()
        for one, errand in zip(tries, going, strict=True):
            self.errands[one.number] = errand
            errand.left.popleft()
        if notifies := [one for one in tries if one.target]:
            self.crew.notify(notifies)
        for one in tries:
            if one.peer:
                self.crew.push(one)

    def give_back(self, errand: Errand, error: Exception) -> None:
        self.let_go(errand)
        leases.give_back(errand.step_id, errand.token, error)

    def leave(self, errand: Errand) -> bool:
        """The phone was deleted meanwhile."""
        write_ends([row(errand.step_id, errand.token, "stopped", "gone")])
        self.let_go(errand)
        return False

    def collect(self, patience: float = 0.0) -> None:
        """Write what was heard, end what is at its end, go on with the rest, keep the leases."""
        self.unwritten += self.crew.heard(patience)
        if self.unwritten:
            self.write()
        self.go()
        if self.tokens and time.monotonic() - self.renewed > leases.lease().total_seconds() / 4:
            self.renewed = time.monotonic()
            leases.renew(self.tokens)
            db.session.commit()

    def write(self) -> None:
        heard = [told for told in self.unwritten if told.number in self.errands]
        ends = [told for told in heard if told.pushed]
        write_notes(told for told in heard if not told.pushed)
        write_outcomes(ends)
        rows, more = [], []
        stopping = self.stopping(ends)
        for told in ends:
            errand = self.errands[told.number]
            if told.pushed and told.pushed.fingerprint and errand.method:
                pins.note(errand.phone_id, errand.method, told.pushed)
            if told.unreached:
                drop_notifies(errand)
            if told.pushed and told.pushed.success:
                rows.append(delivered(errand, told))
            elif told.stopped:
                rows.append(row(errand.step_id, errand.token, "queued", ""))
            elif errand.left and errand.run_id not in stopping:
                more.append(errand)
            else:
                rows.append(unreached(errand.step_id, errand.token, told.message, told.params,
                                      errand.staged, errand.options))  # fmt: skip
        write_ends(rows)
        db.session.commit()
        self.unwritten = []
        self.next_ones += more
        for told in ends:
            errand = self.errands.pop(told.number)
            if errand not in more:
                self.let_go(errand)

    def stopping(self, ends: Sequence[Told]) -> set[int]:
        runs = {self.errands[told.number].run_id for told in ends}
        query = select(Run.id).where(Run.id.in_(runs), Run.state == "stopping")
        return set(db.session.scalars(query))

    def let_go(self, errand: Errand) -> None:
        self.tokens[errand.token] -= 1
        if self.tokens[errand.token] <= 0:
            del self.tokens[errand.token]
            leases.IN_HAND.discard(errand.token)

    def stop(self, patience: float) -> None:
        """Give back what waits for answers, let pushes at hand end for so long."""
        self.crew.stop()
        deadline = time.monotonic() + patience
        while self.errands and time.monotonic() < deadline:
            self.next_ones = []
            self.collect(0.1)


def outgoing() -> Outgoing:
    found = current_app.extensions.get("outgoing")
    if found is None:
        found = current_app.extensions["outgoing"] = Outgoing()
    assert isinstance(found, Outgoing)  # noqa: S101 - for the type checker
    return found
