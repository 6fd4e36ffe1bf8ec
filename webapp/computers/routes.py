"""Computers: the list, newest report first, and its CSV."""

from collections.abc import Iterator, Sequence
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import Select

from webapp import htmx
from webapp.access import needs
from webapp.computers.listing import FILTERS, filtered, in_chunks
from webapp.csv_export import csv_response
from webapp.extensions import utcnow
from webapp.forms import site_choices
from webapp.models import Computer
from webapp.models.computer import UP_WITHIN
from webapp.paging import Key, chosen_sort, page_of

bp = Blueprint("computers", __name__, url_prefix="/computers")
SORTS = {
    "seen": (Computer.reported_at, "reported_at"),
    "name": (Computer.name, "name"),
    "site": (Computer.site_id, "site_id"),
}
STATES = {"up": _l("up"), "down": _l("down"), "never": _l("never reported")}


@bp.get("/")
@needs("computers.read")
def index() -> ResponseReturnValue:
    filters = {name: request.args[name] for name in FILTERS if request.args.get(name)}
    is_never = filters.get("state") == "never"
    sort = chosen_sort(tuple(SORTS), "name" if is_never else "-seen")
    query = filtered(current_user, request.args)
    if sort.removeprefix("-") == "seen":
        query = query.where(Computer.reported_at.is_not(None))
    return htmx.render(
        "computers/index.html",
        "computers/_rows.html",
        found=page_of(query, keys(sort)),
        sort=sort,
        filters=filters,
        states=STATES,
        sites=site_choices(),
    )


def keys(sort: str) -> Sequence[Key]:
    descending = sort.startswith("-")
    column, attribute = SORTS[sort.removeprefix("-")]
    return [Key(column, attribute, descending), Key(Computer.id, "id", descending)]


@bp.get("/computers.csv")
@needs("computers.read")
def export() -> ResponseReturnValue:
    return csv_response("computers.csv", table(filtered(current_user, request.args)))


def table(query: Select[Any]) -> Iterator[Sequence[object]]:
    yield (
        _("State"), _("Computer"), _("Person"), _("Since (UTC)"), _("Address"),
        _("Last report (UTC)"), _("OS"), _("Site"), _("Serial number"), _("Manufacturer"),
        _("Model"),
    )  # fmt: skip
    sites = dict(site_choices())
    up_since = utcnow() - UP_WITHIN
    for row in in_chunks(query):
        at = row.reported_at
        state = "never" if at is None else "up" if at >= up_since else "down"
        yield (
            STATES[state], row.name, row.account_name, stamp(row.account_since), row.address,
            stamp(at), row.os_name, sites.get(row.site_id), row.serial, row.manufacturer, row.model,
        )  # fmt: skip


def stamp(at: Any) -> str:
    return at.isoformat(timespec="seconds") if at else ""


# The other pages hang on the same blueprint.
from webapp.computers import connect as connect  # noqa: E402
from webapp.computers import enrol as enrol  # noqa: E402
from webapp.computers import history as history_pages  # noqa: E402, F401
from webapp.computers import one as one  # noqa: E402
