"""A temporary Belldesk with phones, each of which has a configuration of its own."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import insert, select

from webapp import create_app, provision
from webapp.audit import acting_as
from webapp.config import Config, new_key
from webapp.database import migrate_database
from webapp.extensions import db
from webapp.jobs import leases
from webapp.models import Company, Line, Phone, Revision, SipServer, Site

MODEL = "fanvil-x1sg"
FIRMWARE = "2.12.18.4"


@dataclass(frozen=True)
class Installation:
    folder: Path
    key: str
    bodies: dict[str, bytes]  # by MAC

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("BELLDESK_")}
        return kept | names(self.folder)

    def path(self, mac: str) -> str:
        return f"/p/{self.key}/{mac}.cfg"


@contextmanager
def installation(phones: int) -> Iterator[Installation]:
    with TemporaryDirectory(prefix="belldesk-bench-") as folder:
        yield fill(Path(folder), phones)


def names(folder: Path) -> dict[str, str]:
    return {"BELLDESK_INSTANCE": str(folder), "BELLDESK_DOORS": "phones", "BELLDESK_ENV": "prod"}


@contextmanager
def application(folder: Path, phones: int, models: Sequence[str]) -> Iterator[Config]:
    """Fill a new installation with phones that have no configuration yet, and be inside of it."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config(
        instance=folder,
        env="test",
        secret_key=new_key(),
        keys=(new_key(),),
        base_url="http://desk.example.net",
    )
    with create_app(config).app_context(), acting_as("bench"):
        migrate_database()
        populate(phones, models)
        try:
            yield config
        finally:
            db.session.remove()
            db.engine.dispose()


def fill(folder: Path, phones: int) -> Installation:
    with application(folder, phones, [MODEL]) as config:
        (folder / "keys").write_text(config.keys[0])
        for ids in batches():
            provision.revise(list(db.session.scalars(select(Phone).where(Phone.id.in_(ids)))))
            db.session.commit()
        query = select(Phone.mac, Revision.body).join(Revision, Revision.id == Phone.revision_id)
        bodies = {row[0]: row[1] for row in db.session.execute(query)}
        return Installation(folder, db.session.scalars(select(Site)).one().key, bodies)


def batches() -> list[Sequence[int]]:
    ids = db.session.scalars(select(Phone.id)).all()
    return [ids[first : first + leases.BATCH] for first in range(0, len(ids), leases.BATCH)]


def populate(phones: int, models: Sequence[str]) -> None:
    site = Site(company=Company(name="Bench"), name="Bench")
    site.new_key()
    server = SipServer(name="pbx", host="10.0.0.5")
    db.session.add_all([site, server])
    db.session.flush()
    made = provision.new_secrets()
    db.session.execute(
        insert(Phone),
        [
            {"mac": f"0c383e{n:06x}", "model": models[n % len(models)], "site_id": site.id, **made}
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
