"""Two phones that do not exist, with secrets that nobody else has: what the attacks try to get.

No real phone is asked for with a key that could open it: that would look like its own fetch.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select

from provisioning.errors import ProvisioningError
from provisioning.registry import registry
from provisioning.render import render
from webapp import audit, provision
from webapp.extensions import db, utcnow
from webapp.models import Phone, Site

LABEL = "Self-test decoy"
A_WHILE = timedelta(minutes=15)
LOCAL = "06"  # a locally administered address: no phone that was ever sold has one


class NoDecoyError(Exception):
    """No model's file can be made for a decoy of this site."""


@dataclass(frozen=True, slots=True)
class Decoy:
    """`key` opens it, `old_key` did; `secret` stands in its file and nowhere else."""

    phone_id: int
    mac: str
    file: str
    key: str
    old_key: str
    secret: bytes
    site_key: str


@contextmanager
def decoys(site: Site) -> Iterator[tuple[Decoy, Decoy]]:
    """Two phones of the site, the first behind a closed window. Whatever happens, they go again.

    The second one's window is open where the site's key gets a bootstrap only.
    """
    remove()
    try:
        pair = make(site), make(site, armed=site.policy == "strict")
        db.session.commit()
        yield pair
    finally:
        db.session.rollback()
        remove()


def make(site: Site, armed: bool = False) -> Decoy:
    phone = Phone(mac=free_mac(), label=LABEL, site=site, lines=[], **provision.new_secrets())
    phone.new_key()
    old_key = str(phone.key)
    phone.new_key()
    phone.arm(utcnow() + A_WHILE if armed else None)
    phone.model = telling_model(phone)
    provision.index(phone)
    db.session.add(phone)
    db.session.flush()
    [outcome] = provision.revise([phone], origin="self-test")
    if outcome.word == "failed":
        raise NoDecoyError(outcome.message % (outcome.params or {}))
    model = registry().model(phone.model)
    return Decoy(
        phone.id, phone.mac, model.files(phone.mac)[0], str(phone.key), old_key,
        phone.admin_password.encode(), site.key,
    )  # fmt: skip


def open_again(decoy: Decoy) -> None:
    """At a `strict` site the window closed when the decoy came with its own key."""
    db.session.get_one(Phone, decoy.phone_id).armed_until = utcnow() + A_WHILE
    db.session.commit()


def free_mac() -> str:
    while True:
        mac = LOCAL + secrets.token_hex(5)
        if db.session.scalar(Phone.with_mac(mac)) is None:
            return mac


def telling_model(phone: Phone) -> str:
    """A model in whose file the administrator's password stands as it is, not as a hash of it."""
    settings = provision.Settings()
    for key in registry().models:
        phone.model = key
        with db.session.no_autoflush:
            try:
                file = render(provision.provisioned(phone, settings))
            except ProvisioningError:
                continue
        if phone.admin_password.encode() in file.body:
            return key
    raise NoDecoyError


def remove() -> None:
    """Those of a self-test that was killed go too."""
    ours = Phone.label == LABEL, Phone.mac.startswith(LOCAL)
    found = list(db.session.scalars(select(Phone.id).where(*ours)))
    if found:
        db.session.execute(delete(Phone).where(Phone.id.in_(found)))
        audit.record("delete", "Phone", None, f"{len(found)} decoys of a self-test")
    db.session.commit()
