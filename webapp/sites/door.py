"""What a site lets in: the facts for its page, and changing its policy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import ColumnElement, delete, func, select

from provisioning.registry import Model, registry
from webapp.config import Config
from webapp.extensions import db
from webapp.models import Bootstrap, Phone, Site
from webapp.models.site import DOOR_AUTHS, POLICIES


@dataclass(frozen=True, slots=True)
class Door:
    """How its phones stand: `armed` and `pinned` count them, `waiting` have no bootstrap yet.

    `unfit` are names of models here that a strict site cannot serve, `mute` of those that cannot be
    told a password for the door by their file. `shut` says that nobody gets a file here: the site
    asks for certificates that no proxy hands on.
    """

    armed: int
    pinned: int
    waiting: int
    unfit: list[str]
    mute: list[str]
    shut: bool


def door_of(site: Site) -> Door:
    here = Phone.site_id == site.id
    models = db.session.scalars(select(Phone.model).where(here).distinct()).all()
    fit = [key for key in models if (m := registry().models.get(key)) and m.learns_its_address]
    ready = Phone.id.in_(select(Bootstrap.phone_id))
    strict = site.policy == "strict"
    return Door(
        armed=counted(here, Phone.armed()),
        pinned=counted(here, Phone.pinned_network.is_not(None)),
        waiting=counted(here, Phone.model.in_(fit), ~ready) if strict else 0,
        unfit=named(models, lambda model: not model.learns_its_address),
        mute=named(models, lambda model: not model.takes_a_login),
        shut=site.certificate_required and not hears_certificates(),
    )


def hears_certificates() -> bool:
    config: Config = current_app.extensions["belldesk"]
    return bool(config.certificate_header)


def counted(*conditions: ColumnElement[bool]) -> int:
    return db.session.scalar(select(func.count(Phone.id)).where(*conditions)) or 0


def named(keys: Sequence[str], wanted: Callable[[Model], bool]) -> list[str]:
    known = (registry().models.get(key) for key in keys)
    return sorted(model.name for model in known if model and wanted(model))


def set_policy(site: Site, policy: str, door_auth: str, certificate_required: bool) -> None:
    """The caller commits. What strict phones have ready is of no use elsewhere, and grows old."""
    if policy not in POLICIES or door_auth not in DOOR_AUTHS:
        raise ValueError(f"no such policy: {policy}, {door_auth}")
    if site.policy == "strict" != policy:
        own = select(Phone.id).where(Phone.site_id == site.id)
        db.session.execute(delete(Bootstrap).where(Bootstrap.phone_id.in_(own)))
    site.policy, site.door_auth = policy, door_auth
    site.certificate_required = certificate_required
