"""The filter of the phones' page, in which a program's slip of the pen is an error.

A page may pass over a filter it does not know; a program that asks for the phones of a site and
gets all of them would do to all of them what it meant for a few.
"""

from collections.abc import Mapping

from flask_babel import gettext as _

from provisioning.registry import registry
from webapp.api import named, reading
from webapp.api.errors import ApiError
from webapp.extensions import db
from webapp.models import Company
from webapp.selection import STATES, number

FILTERS = ("q", "state", "model", "vendor", "site", "company", "profile")
ALL_STATES = (*STATES, "silent")


def checked(sent: Mapping[str, object], where: str = "") -> dict[str, str]:
    """The filter in the words of `selection.filtered`; names become ids and keys."""
    reading.only(sent, FILTERS, where)
    found = {name: value_of(name, sent[name], where + name) for name in sent}
    return {name: value for name, value in found.items() if value}


def value_of(name: str, value: object, field: str) -> str:
    if value == "" or isinstance(value, bool) or not isinstance(value, str | int):
        raise ApiError(422, _("A filter needs a value"), field=field)
    if name == "q":
        return str(value)[:200]
    if name == "model":
        return named.model(value, field)
    if name == "site":
        return str(named.site(value, field).id)
    if name == "profile":
        return str(named.profile(value, field).id)
    if name == "company":
        return company(value, field)
    known = ALL_STATES if name == "state" else tuple(registry().vendors)
    if value not in known:
        words = _("“%(name)s” is none of %(known)s", name=str(value)[:60], known=", ".join(known))
        raise ApiError(422, words, field=field)
    return str(value)


def company(value: object, field: str) -> str:
    row = number(str(value))
    found = db.session.get(Company, row) if row is not None else None
    found = found or db.session.scalar(Company.named(str(value)))
    if found is None:
        raise named.unknown(value, field)
    return str(found.id)
