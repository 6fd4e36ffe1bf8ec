"""The list of phones, and what is done to many of them."""

from collections.abc import Iterator, Sequence
from typing import Any

from flask import Blueprint, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from sqlalchemy import Select, func, select

from provisioning.mac import format_mac
from provisioning.registry import registry
from webapp import htmx
from webapp.access import confirmed, needs
from webapp.csv_export import csv_response
from webapp.extensions import db
from webapp.forms import model_choices, profile_choices, site_choices
from webapp.models import Line, Phone, Profile, Site
from webapp.paging import Key, chosen_sort, page_of
from webapp.phones import services
from webapp.selection import FILTERS, chosen, filtered, number

bp = Blueprint("phones", __name__, url_prefix="/phones")
SORTS = {
    "mac": (Phone.mac, "mac"),
    "model": (Phone.model, "model"),
    "site": (Phone.site_id, "site_id"),
    "seen": (Phone.fetched_at, "fetched_at"),
}


@bp.get("/")
@needs("phones.read")
def index() -> ResponseReturnValue:
    sort = chosen_sort(tuple(SORTS), "mac")
    query = listed(filtered(current_user, request.args), sort)
    return htmx.render(
        "phones/index.html",
        "phones/_rows.html",
        found=page_of(query.options(*Phone.for_list()), keys(sort)),
        sort=sort,
        total=db.session.scalar(query.with_only_columns(func.count(Phone.id))),
        filters={name: request.args[name] for name in FILTERS if request.args.get(name)},
        **choices(),
    )


def choices() -> dict[str, Any]:
    """What the selects above the list offer."""
    return {
        "states": [
            *(("current", _("current")), ("stale", _("stale")), ("never", _("never fetched"))),
            *(("silent", _("silent")), ("armed", _("open for the key of its site"))),
        ],
        "models": model_choices(),
        "vendors": [(vendor.key, vendor.name) for vendor in registry().vendors.values()],
        "sites": site_choices(),
        "profiles": profile_choices(),
        "model_names": dict(model_choices()),
    }


def listed(query: Select[Any], sort: str) -> Select[Any]:
    """By last fetch only phones that fetched have a place; the others are a filter away."""
    if sort.removeprefix("-") == "seen":
        query = query.where(Phone.fetched_at.is_not(None))
    return query


def keys(sort: str) -> Sequence[Key]:
    descending = sort.startswith("-")
    column, attribute = SORTS[sort.removeprefix("-")]
    if column is Phone.mac:
        return [Key(column, attribute, descending)]
    last = "id" if attribute == "fetched_at" else "mac"
    return [Key(column, attribute, descending), Key(getattr(Phone, last), last, descending)]


@bp.get("/phones.csv")
@needs("phones.read")
def export() -> ResponseReturnValue:
    heads = (
        _("State"), _("MAC address"), _("Label"), _("Lines"), _("Model"), _("Site"), _("Profile"),
        _("Last fetch"), _("Address"), _("Firmware"),
    )  # fmt: skip
    rows = table(filtered(current_user, request.args))
    return csv_response("phones.csv", (row for part in ([heads], rows) for row in part))


def table(query: Select[Any]) -> Iterator[Sequence[object]]:
    """Plain columns, a few hundred at a time: 100,000 phones fit in no memory as objects."""
    columns = (
        Phone.id, Phone.mac, Phone.label, Phone.model, Phone.site_id, Phone.profile_id,
        Phone.fetched_at, Phone.fetched_address, Phone.firmware,
        Phone.fetched_sha256, Phone.revision_sha256,
    )  # fmt: skip
    sites, profiles = dict(site_choices()), dict(profile_choices())
    last = ""
    while True:
        rows = db.session.execute(
            query.where(Phone.mac > last).with_only_columns(*columns).order_by(Phone.mac).limit(500)
        ).all()
        if not rows:
            return
        users = extensions([row.id for row in rows])
        for row in rows:
            yield (
                state_of(row), format_mac(row.mac), row.label, ", ".join(users.get(row.id, ())),
                registry().model(row.model).name, sites.get(row.site_id),
                profiles.get(row.profile_id), row.fetched_at, row.fetched_address, row.firmware,
            )  # fmt: skip
        last = rows[-1].mac


def state_of(row: Any) -> str:
    if row.fetched_sha256 is None:
        return str(_("never fetched"))
    return str(_("current") if row.fetched_sha256 == row.revision_sha256 else _("stale"))


def extensions(phone_ids: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    query = select(Line.phone_id, Line.user).where(Line.phone_id.in_(phone_ids))
    for phone_id, user in db.session.execute(query.order_by(Line.phone_id, Line.number)):
        found.setdefault(phone_id, []).append(user)
    return found


@bp.post("/delete")
@needs("phones.write")
@confirmed
def delete_many() -> ResponseReturnValue:
    count = services.remove(chosen(current_user, request.form))
    db.session.commit()
    flash(ngettext("%(num)s phone is deleted", "%(num)s phones are deleted", count), "ok")
    return redirect(url_for("phones.index"), 303)


@bp.post("/move")
@needs("phones.write")
def move() -> ResponseReturnValue:
    """First ask where to, then move: `to_site` and `to_profile` are empty for "as it is"."""
    phones = chosen(current_user, request.form)
    if "to_site" not in request.form:
        count = db.session.scalar(phones.with_only_columns(func.count(Phone.id)))
        return htmx.render(
            "phones/move.html", "phones/_move.html", count=count, form=request.form, **choices()
        )
    site = wanted(Site, "to_site")
    profile = wanted(Profile, "to_profile")
    to_profile = 0 if request.form.get("to_profile") == "0" else profile.id if profile else None
    if site is None and to_profile is None:
        flash(_("Nothing was chosen, nothing was moved"), "info")
        return redirect(url_for("phones.index"), 303)
    count = services.move(phones, site, to_profile)
    db.session.commit()
    flash(ngettext("%(num)s phone is moved", "%(num)s phones are moved", count), "ok")
    return redirect(url_for("phones.index"), 303)


def wanted(table: Any, name: str) -> Any:
    """The row that a select names, None where it says "as it is" or "none"."""
    text = request.form.get(name, "")
    if text in ("", "0"):
        return None
    found = number(text)
    row = db.session.get(table, found) if found is not None else None
    return row if row is not None else abort(404)


# The pages of one phone, and others, hang on the same blueprint.
from webapp.phones import bulk_settings as bulk_settings  # noqa: E402
from webapp.phones import delivery as delivery  # noqa: E402
from webapp.phones import door as door  # noqa: E402
from webapp.phones import keys as keys_of_one  # noqa: E402, F401
from webapp.phones import one as one  # noqa: E402
from webapp.phones import walk_in as walk_in  # noqa: E402
