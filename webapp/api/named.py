"""What programs name: a model, a site, a profile, a SIP server, by its id or by its name."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask_babel import gettext as _

from provisioning.registry import registry
from webapp.api.errors import ApiError
from webapp.extensions import db
from webapp.imports.plan import servers_by_name, sites_by_name
from webapp.models import Profile, SipServer, Site
from webapp.selection import number

T = TypeVar("T")


def model(name: object, field: str = "model") -> str:
    """The key of a model that may be called by any of its names."""
    found = registry().find(name) if isinstance(name, str) else None
    if found is None:
        raise unknown(name, field)
    return found.key


def site(name: object, field: str = "site") -> Site:
    return one(Site, name, field, sites_by_name)


def server(name: object, field: str = "server") -> SipServer:
    return one(SipServer, name, field, servers_by_name)


def profile(name: object, field: str = "profile") -> Profile:
    return one(Profile, name, field, profiles_by_name)


def profiles_by_name() -> dict[str, Profile]:
    return {found.name.casefold(): found for found in db.session.scalars(Profile.by_name())}


def one(table: type[T], name: object, field: str, names: Callable[[], Mapping[str, T | None]]) -> T:
    """A number, or a text that is one, is an id; only then a text is a name."""
    found: Any = None
    if not isinstance(name, bool) and (row := number(str(name))) is not None:
        found = db.session.get(table, row)
    if found is None and isinstance(name, str):
        found = names().get(name.casefold())
    if found is None:
        raise unknown(name, field)
    typed: T = found
    return typed


def unknown(name: object, field: str) -> ApiError:
    return ApiError(422, _("“%(name)s” is not known", name=str(name)[:100]), field=field)
