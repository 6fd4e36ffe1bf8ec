"""A temporary Belldesk with phones that each have a configuration of their own."""

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import insert, update

from webapp import create_app
from webapp.audit import acting_as
from webapp.config import Config, new_key
from webapp.database import migrate_database
from webapp.extensions import db
from webapp.models import Company, Phone, Revision, Site

MODEL = "fanvil-x1sg"
FIRMWARE = "2.12.18.4"
BATCH = 1_000
SECTIONS = ("sip", "line", "tone", "net", "time", "codec")
NAMES = (
    *("RegisterAddr", "RegisterPort", "Transport", "UserAgent", "ProxyAddr", "ProxyPort"),
    *("EnableReg", "DisplayName", "DtmfMode", "SessionTimer", "KeepAlive", "VoiceMail"),
    *("CallWaiting", "RingType", "HotLine", "PickupNum", "NatType"),
)
VALUES = ("0", "1", "5060", "3600", "", "pbx.example.net", "2", "60", "udp", "1.2.3.4", "auto")


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


def fill(folder: Path, phones: int) -> Installation:
    app = create_app(Config(instance=folder, doors=frozenset({"phones"}), keys=(new_key(),)))
    (folder / "keys").write_text(app.extensions["belldesk"].keys[0])
    bodies = {f"0c383e{number:06x}": body(number) for number in range(phones)}
    with app.app_context():
        migrate_database()
        site = Site(company=Company(name="Bench"), name="Here")
        site.new_key()
        db.session.add(site)
        with acting_as("bench"):
            db.session.commit()
        key, site_id = site.key, site.id
        add_phones(site_id, bodies)
        db.session.remove()
        db.engine.dispose()
    return Installation(folder, key, bodies)


def add_phones(site_id: int, bodies: dict[str, bytes]) -> None:
    macs = list(bodies)
    same = {
        "model": MODEL,
        "site_id": site_id,
        "admin_password": "a",
        "user_password": "u",
        "menu_pin": "1",
    }
    for start in range(0, len(macs), BATCH):
        some = range(start, min(start + BATCH, len(macs)))
        with db.engine.begin() as connection:
            connection.execute(insert(Phone), [{"id": 1 + n, "mac": macs[n]} | same for n in some])
            connection.execute(insert(Revision), [revision(1 + n, bodies[macs[n]]) for n in some])
    with db.engine.begin() as connection:
        connection.execute(update(Phone).values(revision_id=Phone.id))


def revision(phone_id: int, text: bytes) -> dict[str, object]:
    return {
        "id": phone_id,
        "phone_id": phone_id,
        "number": 1,
        "sha256": hashlib.sha256(text).hexdigest(),
        "body": text,
        "size": len(text),
        "content_type": "text/xml",
        "model": MODEL,
        "template_version": "bench",
    }


def body(number: int) -> bytes:
    """About 5.8 KB, which compress to 1.1 KB: as a phone's real file does."""
    dice = random.Random(number)  # noqa: S311 - not a secret, and the same in every run
    lines = ["<?xml version='1.0' encoding='UTF-8'?>", "<sysConf>"]
    for row in range(145):
        name = f"{SECTIONS[row // 25]}{NAMES[row % len(NAMES)]}"
        value = f"{dice.getrandbits(64):x}" if row % 24 == 0 else VALUES[row * 7 % len(VALUES)]
        lines.append(f"<{name}>{value}</{name}>")
    lines.append("</sysConf>")
    return ("\n".join(lines) + "\n").encode()
