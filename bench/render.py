"""Compare rendering and storing encrypted revisions with Jinja alone, on the same phones.

    python -m bench.render [--phones 10000]

In one process, batch by batch as a worker does it and by turns, so that noise meets both. Jinja
gets compiled templates and ready contexts. A whole run, which also reads and decrypts the phones
and ticks off its steps, is measured beside it, with what memory that took.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import func, select, update

from bench.figures import Figure
from bench.installation import application, batches
from provisioning import render
from provisioning.registry import registry
from webapp import provision
from webapp.extensions import db
from webapp.jobs import runs
from webapp.models import Line, Phone, Revision, Run
from webapp.runs import services

PHONES = 10_000
ROUNDS = 3
TARGET = 2.5
MODELS = ("fanvil-x1sg", "audiocodes-405hd", "flyingvoice-fip14g")


class Spent(NamedTuple):
    """Seconds by the clock and of this process."""

    clock: float = 0.0
    cpu: float = 0.0

    def plus(self, other: "Spent") -> "Spent":
        return Spent(self.clock + other.clock, self.cpu + other.cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=PHONES)
    found = [asdict(figure) for figure in measure(parser.parse_args().phones)]
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


def measure(phones: int = PHONES) -> list[Figure]:
    with (
        tempfile.TemporaryDirectory(prefix="belldesk-bench-") as folder,
        application(Path(folder), phones, MODELS),
    ):
        return figures(phones)


def figures(phones: int) -> list[Figure]:
    done = [one_round(number) for number in range(ROUNDS)]
    before = resident()
    whole = run_seconds()
    grown = resident()
    count = db.session.scalar(select(func.count()).select_from(Revision))
    if count != (ROUNDS + 1) * phones:
        raise RuntimeError(f"{count} revisions of {phones} phones in {ROUNDS + 1} rounds")
    clock = median(stored.clock / bare.clock for bare, stored in done)
    cpu = median(stored.cpu / bare.cpu for bare, stored in done)
    speed = phones / median(stored.clock for _, stored in done)
    memory = f"{before:.0f} MB, then {grown:.0f} MB"
    return [
        Figure("render and store / Jinja alone", clock, TARGET, at_most=True, note=words(speed)),
        Figure("the same by CPU time", cpu),
        Figure("a whole run of one worker, seconds", whole, note=words(phones / whole)),
        Figure("memory of the worker after the run / before", grown / before, note=memory),
    ]


def words(speed: float) -> str:
    return f"{speed:,.0f} phones a second"


def one_round(number: int) -> tuple[Spent, Spent]:
    change_all(f"round {number}")
    bare = stored = Spent()
    for ids in batches():
        one, other = by_turns(ids)
        bare, stored = bare.plus(one), stored.plus(other)
    return bare, stored


def by_turns(ids: Sequence[int]) -> tuple[Spent, Spent]:
    """What Jinja alone, and rendering, encrypting and storing cost for the same phones."""
    phones = list(db.session.scalars(select(Phone).where(Phone.id.in_(ids))))
    ready = contexts(phones)
    for template, context in ready[: len(MODELS)]:
        template.render(context)

    def bare() -> None:
        for template, context in ready:
            template.render(context)

    def stored() -> None:
        provision.revise(phones)
        db.session.commit()

    spent = timed(bare), timed(stored)
    db.session.remove()
    return spent


def timed(work: Callable[[], None]) -> Spent:
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - clock, time.process_time() - cpu)


def contexts(phones: Sequence[Phone]) -> list[tuple[Any, dict[str, object]]]:
    settings = provision.Settings([phone.id for phone in phones])
    found = []
    for phone in phones:
        model = registry().model(phone.model)
        context = render._context(provision.provisioned(phone, settings), model)
        found.append((render._template(model), context))
    return found


def change_all(name: str) -> None:
    """Every file must be a new one: an unchanged file is not stored."""
    db.session.execute(update(Line).values(display_name=name))
    db.session.commit()


def run_seconds() -> float:
    """One worker, as it works in production, less the queue."""
    change_all("a run")
    number = services.start(select(Phone), None).id
    db.session.commit()
    db.session.remove()
    start = time.perf_counter()
    while not db.session.get_one(Run, number).is_over:
        runs.perform(number)
        db.session.remove()
    return time.perf_counter() - start


def resident() -> float:
    """Return the MB this process has in memory."""
    for row in Path("/proc/self/status").read_text().splitlines():
        if row.startswith("VmRSS:"):
            return int(row.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main()
