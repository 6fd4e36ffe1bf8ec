"""Which phones a list shows and a deed means: the words of a filter, or the rows that were ticked.

Below the features, since lists, bulk deeds and runs must mean the same phones by the same words.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from werkzeug.datastructures import MultiDict

from provisioning.registry import registry
from webapp import fleet, provision
from webapp.models import Phone, RunStep, Site, User

FILTERS = (
    *("q", "state", "model", "vendor", "site", "company", "profile", "before_revision"),
    *("firmware", "advice", "not_taken", "import_id"),
)
STATES = ("current", "stale", "never")


def filtered(user: User, wanted: Mapping[str, str]) -> Select[Phone]:
    """Phones that `user` may see and that fit q, state, model, vendor, site, company, profile.

    `before_revision`: an ISO time; only phones whose newest file is older, or that have none.
    `state` may also be silent or armed, `advice` is what is said of their firmware; `not_taken` the
    id of a run whose file they have not taken yet, nor a newer one; `import_id` that of the upload
    that added them.
    """
    query = Phone.visible_to(user)
    conditions: list[Any] = list(Phone.containing(provision.fold(wanted.get("q", ""))))
    if wanted.get("state") in STATES:
        conditions.append(Phone.is_in_state(wanted["state"]))
    elif wanted.get("state") == "silent":
        conditions.append(Phone.is_silent(fleet.silent_since()))
    elif wanted.get("state") == "armed":
        conditions.append(Phone.armed())
    if vendor := registry().vendors.get(wanted.get("vendor", "")):
        keys = [key for key, model in registry().models.items() if model.vendor is vendor]
        conditions.append(Phone.model.in_(keys))
    if model := wanted.get("model"):
        conditions.append(Phone.model == model)
    conditions += places(wanted)
    if moment := moment_of(wanted.get("before_revision", "")):
        conditions.append(or_(Phone.revised_at.is_(None), Phone.revised_at < moment))
    return query.where(*conditions, *what_they_run(query, wanted))


def what_they_run(phones: Select[Any], wanted: Mapping[str, str]) -> list[ColumnElement[bool]]:
    found = []
    if firmware := wanted.get("firmware"):
        found.append(Phone.firmware == firmware)
    if wanted.get("advice") in fleet.ADVICE:
        found.append(fleet.is_advised(wanted["advice"], phones))
    if (run := number(wanted.get("not_taken"))) is not None:
        found.append(Phone.id.in_(RunStep.not_taken(run)))
    return found


def places(wanted: Mapping[str, str]) -> list[ColumnElement[bool]]:
    found = []
    if (site := number(wanted.get("site"))) is not None:
        found.append(Phone.site_id == site)
    if (company := number(wanted.get("company"))) is not None:
        found.append(Phone.site_id.in_(select(Site.id).where(Site.company_id == company)))
    if (profile := number(wanted.get("profile"))) is not None:
        found.append(Phone.profile_id == profile)
    if (upload := number(wanted.get("import_id"))) is not None:
        found.append(Phone.import_id == upload)
    return found


def chosen(user: User, form: MultiDict[str, str]) -> Select[Phone]:
    """The phones a posted form means: all that fit its filter (all=1), or those with id=…&id=…"""
    if form.get("all") == "1":
        return filtered(user, form)
    ids = [found for text in form.getlist("id") if (found := number(text)) is not None]
    return Phone.visible_to(user).where(Phone.id.in_(ids))


def number(text: str | None) -> int | None:
    """A row's id as people may send it: digits, and not more than a database can compare."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def moment_of(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
