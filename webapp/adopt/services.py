"""From a phone that asked to a phone of ours."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.exc import IntegrityError

from provisioning.errors import N_, ProvisioningError
from provisioning.mac import format_mac
from provisioning.registry import registry
from webapp import audit, provision
from webapp.chunks import chunks
from webapp.doors import bans
from webapp.extensions import db
from webapp.models import Line, Phone, Site, Stray
from webapp.selection import number

MOST_GROUPS = 5


class AdoptError(ProvisioningError):
    """The phone cannot be adopted (any more)."""


@dataclass(slots=True)
class Bulk:
    """`left` says in a template and its parameters why a phone stayed in the queue."""

    adopted: int = 0
    left: list[AdoptError] = field(default_factory=list)


def queue(
    q: str = "", vendor: str = "", site: int | None = None, transport: str = ""
) -> Select[Stray]:
    """Newest arrival first: the order stands still under the pointer while phones ask again.

    `site` 0 means those whose site nobody knows.
    """
    query = select(Stray)
    if vendor:
        query = query.where(Stray.vendor == vendor)
    if transport:
        query = query.where(Stray.transport == transport)
    if site is not None:
        query = query.where(Stray.site_id == site if site else Stray.site_id.is_(None))
    for word in provision.fold(q).split():
        bare = word.replace(":", "").replace("-", "").replace(".", "")
        query = query.where(
            or_(
                Stray.mac.contains(bare or word, autoescape=True),
                Stray.model.contains(word, autoescape=True),
                Stray.vendor.contains(word, autoescape=True),
                Stray.address.contains(word, autoescape=True),
            )
        )
    return query


def chosen(ids: Sequence[str]) -> Select[Stray]:
    found = [found for text in ids if (found := number(text)) is not None]
    return select(Stray).where(Stray.id.in_(found)).order_by(Stray.id)


def adopt(stray: Stray, model: str, site: Site | None, label: str = "") -> Phone:
    """Make the phone and take it out of the queue; raise AdoptError with words otherwise."""
    mac = format_mac(stray.mac)
    found = registry().models.get(model)
    if found is None:
        raise AdoptError(N_("%(mac)s: its model is not known, choose one"), mac=mac)
    maker = registry().vendor_of(stray.mac)
    if maker and maker is not found.vendor:
        raise AdoptError(
            N_("%(mac)s is of %(vendor)s, the model is not"), mac=mac, vendor=maker.name
        )
    if site is None:
        raise AdoptError(N_("%(mac)s: its site is not known, choose one"), mac=mac)
    return take_in(stray, found.key, site, label)


def take_in(stray: Stray, model: str, site: Site, label: str) -> Phone:
    phone = Phone(mac=stray.mac, model=model, site=site, label=label, **provision.new_secrets())
    phone.lines = []
    provision.index(phone)
    try:
        with db.session.begin_nested():
            db.session.add(phone)
            db.session.flush()
    except IntegrityError as error:  # entered by somebody else in this very moment
        raise already(stray.mac) from error
    bans.lift(stray.address)  # many new phones behind one address look like a walk
    forget(chosen([str(stray.id)]))
    return phone


def already(mac: str) -> AdoptError:
    return AdoptError(N_("%(mac)s is a phone already"), mac=format_mac(mac))


def add_line(phone: Phone, form: Any) -> None:
    """Give the new phone the line that was typed with it, and its file at once."""
    phone.lines.append(
        Line(
            number=1,
            user=form.user.data,
            password=form.password.data,
            display_name=form.display_name.data,
            sip_server_id=form.sip_server_id.data,
        )
    )
    db.session.flush()
    db.session.refresh(phone, ["lines"])
    provision.index(phone)
    [outcome] = provision.revise([phone], origin="adopt")
    if outcome.word == "failed":
        raise AdoptError(outcome.message, **(outcome.params or {}))


@dataclass(frozen=True, slots=True)
class Group:
    """Phones of the queue that look alike: `model` is one of the registry."""

    model: str
    site_id: int
    count: int

    @property
    def model_name(self) -> str:
        return registry().models[self.model].name


def groups(strays: Select[Stray]) -> list[Group]:
    """The largest lots of one model at one site, for adopting each at once."""
    lots = strays.where(Stray.site_id.is_not(None), Stray.model != "").order_by(None).subquery()
    count = func.count()
    query = select(lots.c.model, lots.c.site_id, count).group_by(lots.c.model, lots.c.site_id)
    rows = db.session.execute(query.order_by(count.desc(), lots.c.model).limit(MOST_GROUPS * 2))
    found = [Group(*row) for row in rows if row[2] > 1 and row[0] in registry().models]
    return found[:MOST_GROUPS]


def adopt_many(strays: Sequence[Stray], model: str, site: Site | None) -> Bulk:
    """Adopt each with the model and site given, or with its own where none is given."""
    done = Bulk()
    for stray in strays:
        try:
            adopt(stray, model or stray.model, site or stray.site)
        except AdoptError as error:
            done.left.append(error)
        else:
            done.adopted += 1
    return done


def dismiss(strays: Select[Stray]) -> int:
    """Forget them; one that asks again comes back."""
    macs = list(db.session.scalars(strays.with_only_columns(Stray.mac)))
    if macs:
        forget(strays)
        audit.record("dismiss", "Stray", None, f"{len(macs)} unknown phones", {"macs": macs[:200]})
    return len(macs)


def forget(strays: Select[Stray]) -> None:
    ids = list(db.session.scalars(strays.with_only_columns(Stray.id)))
    for part in chunks(ids):
        db.session.execute(delete(Stray).where(Stray.id.in_(part)))
