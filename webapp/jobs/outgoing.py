"""The second half of a step: tell the phone, by one channel after the other until one works.

Every try is recorded before anything is sent, so that a push of a worker that was killed is known
too. All writing is done here, in the worker's own thread; the crew's threads only talk to phones.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import selectinload

from provisioning.errors import N_
from provisioning.registry import Resync, registry
from provisioning.transports.push import Peer, Pushed
from provisioning.transports.sip_notify import Credentials, Target
from webapp import door_keys
from webapp.extensions import db, utcnow
from webapp.jobs import leases, pins, targets
from webapp.jobs.crew import MOST, Crew, Told, Try
from webapp.jobs.rows import changed
from webapp.models import Delivery, Phone, PhonePin, Revision, Run, RunStep

log = logging.getLogger("belldesk.jobs")
STEPS: Table = RunStep.__table__  # type: ignore[assignment]
DELIVERIES: Table = Delivery.__table__  # type: ignore[assignment]
LOST = N_("The worker ended before the phone had answered: it was tried again")
BEGUN = {
    "notify": N_("NOTIFY is sent to %(address)s"),
    "http": N_("Going to the web page of %(address)s"),
    "ssh": N_("Going to the shell of %(address)s"),
}
LIMIT_MINUTES = 10
ADMIN = "admin"  # as the templates and the factories of these vendors call who may do all


@dataclass(slots=True)
class Errand:
    """One step's way through the channels."""

    step_id: int
    run_id: int
    phone_id: int
    token: str
    address: str
    left: deque[Resync]
    options: dict[str, Any]
    staged: bool = False
    method: Resync | None = None


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
        """Record what comes next for each, then send it."""
        going, self.next_ones = self.next_ones, []
        if not going:
            return
        try:
            phones = read([errand.phone_id for errand in going])
            going = [errand for errand in going if errand.phone_id in phones or self.leave(errand)]
            rows = [begun(errand) for errand in going]
            db.session.add_all(rows)
            db.session.commit()
            tries = [
                attempt(delivery.id, errand, phones[errand.phone_id])
                for delivery, errand in zip(rows, going, strict=True)
            ]
        except BaseException:
            self.next_ones = going
            raise
        for one, errand in zip(tries, going, strict=True):
            self.errands[one.number] = errand
        if notifies := [one for one in tries if one.target]:
            self.crew.notify(notifies)
        for one in tries:
            if one.peer:
                self.crew.push(one)

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


def read(phone_ids: Iterable[int | None]) -> dict[int, Phone]:
    wanted = [number for number in phone_ids if number is not None]
    query = select(Phone).where(Phone.id.in_(wanted)).options(selectinload(Phone.lines))
    return {phone.id: phone for phone in db.session.scalars(query)}


def forget_the_lost(run_id: int, phone_ids: Sequence[int | None]) -> None:
    """Close the records of a worker that was killed while it pushed."""
    if phone_ids:
        changed(
            update(Delivery)
            .where(
                Delivery.run_id == run_id,
                Delivery.phone_id.in_(phone_ids),
                Delivery.success.is_(None),
            )
            .values(success=False, message=LOST, params={})
        )


def begun(errand: Errand) -> Delivery:
    errand.method = errand.left.popleft()
    channel = channel_of(errand.method)
    return Delivery(
        run_id=errand.run_id,
        phone_id=errand.phone_id,
        channel=channel,
        address=errand.address,
        success=None,
        message=BEGUN[channel],
        params={"address": errand.address},
    )


def channel_of(method: Resync) -> str:
    return {"sip-notify": "notify", "ssh": "ssh"}.get(method.method, "http")


def attempt(number: int, errand: Errand, phone: Phone) -> Try:
    """What the push needs of the phone; it is in memory until it has ended, and nowhere else."""
    method = errand.method
    assert method is not None  # noqa: S101 - for the type checker
    if method.method == "sip-notify":
        return Try(number, method, target=target(number, errand.address, method, phone))
    kind = pins.kind_of(method)
    pin = db.session.scalar(PhonePin.of(phone.id).where(PhonePin.kind == kind))
    peer = Peer(
        address=errand.address,
        mac=phone.mac,
        model=phone.model,
        user=ADMIN,
        password=phone.admin_password,
        fingerprint=pin.fingerprint if pin else None,
    )
    revision = db.session.get(Revision, phone.revision_id) if method.uploads else None
    url = door_keys.own_url(phone, door_keys.door_address())
    return Try(number, method, peer=peer, body=revision.body if revision else b"", url=url)


def target(number: int, address: str, method: Resync, phone: Phone) -> Target:
    line = phone.lines[0] if phone.lines else None
    credentials = Credentials(line.auth_user or line.user, line.password) if line else None
    return Target(
        address=address,
        event=method.event,
        port=registry().model(phone.model).vendor.ports.get("sip", 5060),
        user=line.user if line else "",
        credentials=credentials,
        key=number,
    )


def drop_notifies(errand: Errand) -> None:
    errand.left = deque(way for way in errand.left if way.method != "sip-notify")


def delivered(errand: Errand, told: Told) -> dict[str, Any]:
    if not errand.staged:
        return row(errand.step_id, errand.token, "done", "delivered", told.message, told.params)
    until = deadline(errand.options)
    return row(
        errand.step_id, errand.token, "waiting", "delivered", told.message, told.params, until
    )


def unreached(
    step_id: int,
    token: str,
    message: str,
    params: dict[str, object] | None,
    staged: bool,
    options: dict[str, Any],
) -> dict[str, Any]:
    """It failed; but in a roll-out a person may have chosen to wait until it comes by itself."""
    if staged and options.get("wait"):
        return row(step_id, token, "waiting", "alone", message, params, deadline(options))
    return row(step_id, token, "failed", "failed", message, params)


def deadline(options: dict[str, Any]) -> datetime:
    return utcnow() + timedelta(minutes=float(options.get("minutes") or LIMIT_MINUTES))


def row(
    step_id: int,
    token: str | None,
    state: str,
    outcome: str,
    message: str = "",
    params: dict[str, object] | None = None,
    due_at: datetime | None = None,
) -> dict[str, Any]:
    over = state in ("done", "failed", "stopped")
    return {
        "its_id": step_id,
        "its_token": token,
        "state": state,
        "outcome": outcome,
        "message": message,
        "params": plain(params or {}),
        "ended_at": utcnow() if over else None,
        "due_at": due_at,
        "worker": None,
        "leased_until": None,
    }


def write_ends(rows: Sequence[dict[str, Any]]) -> None:
    """Only while the lease is ours: what another worker has taken meanwhile is its to end."""
    if not rows:
        return
    statement = update(STEPS).where(
        STEPS.c.id == bindparam("its_id"),
        STEPS.c.worker == bindparam("its_token"),
        STEPS.c.state == "running",
    )
    db.session.connection().execute(statement, list(rows))


def write_notes(heard: Iterable[Told]) -> None:
    """The newest word of each; the others were overtaken."""
    newest = {told.number: told for told in heard}
    rows = [
        {"its_id": told.number, "message": told.message, "params": plain(told.params)}
        for told in newest.values()
    ]
    if rows:
        statement = update(DELIVERIES).where(
            DELIVERIES.c.id == bindparam("its_id"), DELIVERIES.c.success.is_(None)
        )
        db.session.connection().execute(statement, rows)


def write_outcomes(ends: Iterable[Told]) -> None:
    rows = [outcome_row(told.number, told.pushed) for told in ends if told.pushed]
    if rows:
        statement = update(DELIVERIES).where(DELIVERIES.c.id == bindparam("its_id"))
        db.session.connection().execute(statement, rows)


def outcome_row(number: int, pushed: Pushed) -> dict[str, Any]:
    return {
        "its_id": number,
        "success": pushed.success,
        "code": pushed.code,
        "message": pushed.message,
        "params": plain(pushed.params),
        "milliseconds": pushed.milliseconds,
    }


def plain(params: dict[str, object]) -> dict[str, Any]:
    return {name: v if isinstance(v, int | float) else str(v) for name, v in params.items()}
