"""Compare rendering and storing encrypted revisions with Jinja alone, on the same phones.

    python -m bench.render [--phones 10000]

In one process, batch by batch as a worker does it and by turns, so that noise meets both. Jinja
gets compiled templates and ready contexts. A whole run, which also reads and decrypts the phones
and ticks off its steps, is measured beside it.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, update

from bench.figures import Figure
from provisioning import render
from provisioning.registry import registry
from webapp import create_app, provision
from webapp.audit import acting_as
from webapp.config import Config, new_key
from webapp.database import migrate_database
from webapp.extensions import db
from webapp.jobs import runs
from webapp.models import Company, Line, Phone, Revision, Run, SipServer, Site
from webapp.runs import services

PHONES = 10_000
TARGET = 2.5
MODELS = ("fanvil-x1sg", "audiocodes-405hd", "flyingvoice-fip14g")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=PHONES)
    found = [asdict(figure) for figure in measure(parser.parse_args().phones)]
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


def measure(phones: int = PHONES) -> list[Figure]:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="belldesk-bench-") as folder:
        app = create_app(
            Config(
                instance=Path(folder),
                env="test",
                secret_key=new_key(),
                keys=(new_key(),),
                base_url="http://desk.example.net",
            )
        )
        with app.app_context(), acting_as("bench"):
            migrate_database()
            populate(phones)
            try:
                return figures(phones)
            finally:
                db.session.remove()
                db.engine.dispose()


def figures(phones: int) -> list[Figure]:
    bare = stored = 0.0
    for ids in batches():
        one, other = by_turns(ids)
        bare, stored = bare + one, stored + other
    whole = run_seconds()
    count = db.session.scalar(select(func.count()).select_from(Revision))
    if count != 2 * phones:
        raise RuntimeError(f"{count} revisions of {phones} phones were stored twice")
    speed = f"{phones / stored:.0f} a second, Jinja alone {phones / bare:.0f}"
    return [
        Figure("render and store / Jinja alone", stored / bare, TARGET, at_most=True, note=speed),
        Figure("a whole run / Jinja alone", whole / bare, note=f"{phones / whole:.0f} a second"),
    ]


def by_turns(ids: Sequence[int]) -> tuple[float, float]:
    """Seconds of Jinja alone, and of rendering, encrypting and storing the same phones."""
    phones = list(db.session.scalars(select(Phone).where(Phone.id.in_(ids))))
    ready = contexts(phones)
    for template, context in ready[: len(MODELS)]:
        template.render(context)
    start = time.perf_counter()
    for template, context in ready:
        template.render(context)
    bare = time.perf_counter() - start
    start = time.perf_counter()
    provision.revise(phones)
    db.session.commit()
    stored = time.perf_counter() - start
    db.session.remove()
    return bare, stored


def batches() -> list[Sequence[int]]:
    ids = db.session.scalars(select(Phone.id)).all()
    return [ids[first : first + runs.BATCH] for first in range(0, len(ids), runs.BATCH)]


def contexts(phones: Sequence[Phone]) -> list[tuple[Any, dict[str, object]]]:
    settings = provision.Settings([phone.id for phone in phones])
    found = []
    for phone in phones:
        model = registry().model(phone.model)
        context = render._context(provision.provisioned(phone, settings), model)
        found.append((render._template(model), context))
    return found


def run_seconds() -> float:
    """One worker, as it works in production, less the queue; every file must be a new one."""
    db.session.execute(update(Line).values(display_name="changed"))
    number = services.start(select(Phone), None).id
    db.session.commit()
    db.session.remove()
    start = time.perf_counter()
    while not db.session.get_one(Run, number).is_over:
        runs.perform(number)
        db.session.remove()
    return time.perf_counter() - start


def populate(phones: int) -> None:
    site = Site(company=Company(name="Bench"), name="Bench")
    site.new_key()
    server = SipServer(name="pbx", host="10.0.0.5")
    db.session.add_all([site, server])
    db.session.flush()
    made = provision.new_secrets()
    db.session.execute(
        insert(Phone),
        [
            {"mac": f"0c383e{n:06x}", "model": MODELS[n % len(MODELS)], "site_id": site.id, **made}
            for n in range(phones)
        ],
    )
    ids = db.session.scalars(select(Phone.id)).all()
    db.session.execute(insert(Line), [line(number, server.id) for number in ids])
    db.session.commit()


def line(phone_id: int, server_id: int) -> dict[str, object]:
    name = str(1000 + phone_id)
    return {
        "phone_id": phone_id,
        "number": 1,
        "user": name,
        "password": f"secret {name}",
        "display_name": f"Extension {name}",
        "sip_server_id": server_id,
    }


if __name__ == "__main__":
    main()
