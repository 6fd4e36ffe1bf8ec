"""Who fetched what: our own two doors, and the logs of a site's own TFTP and FTP servers."""

from collections.abc import Callable, Sequence
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp import htmx
from webapp.access import needs
from webapp.config import Config
from webapp.csv_export import csv_response
from webapp.i18n import said
from webapp.logs import reading, services
from webapp.models import Fetch
from webapp.paging import Key, page_of

bp = Blueprint("logs", __name__, url_prefix="/logs")
NEWEST = [Key(Fetch.id, "id", descending=True)]
TRANSPORTS = ("http", "tftp", "pnp")


@bp.get("/http")
@needs("logs.read")
def http() -> ResponseReturnValue:
    return fetches("http")


@bp.get("/tftp")
@needs("logs.read")
def tftp() -> ResponseReturnValue:
    return fetches("tftp")


@bp.get("/pnp")
@needs("logs.read")
def pnp() -> ResponseReturnValue:
    return fetches("pnp")


def fetches(transport: str) -> Response:
    found = page_of(services.fetches(transport, request.args), NEWEST)
    return htmx.render(
        "logs/fetches.html",
        "logs/_fetches.html",
        transport=transport,
        found=found,
        phones=services.phones_of(found.rows),
        reasons=services.REASONS,
        is_live=request.args.get("live") == "1",
    )


@bp.get("/<transport>.csv")
@needs("logs.read")
def export(transport: str) -> ResponseReturnValue:
    if transport not in TRANSPORTS:
        abort(404)
    head = (
        _("Time (UTC)"), _("MAC address"), _("Method"), _("File"), _("Address"), "User-Agent",
        _("Status"), _("Reason"), _("Bytes"),
    )  # fmt: skip
    query = services.fetches(transport, request.args)
    return csv_response(f"{transport}-fetches.csv", services.table(query, head))


@bp.get("/tftp-server")
@needs("logs.read")
def tftp_server() -> ResponseReturnValue:
    """The end of the one file that the configuration names, never of another."""
    path = config().tftp_log
    lines, trouble = read(path, reading.tail)
    return htmx.render(
        "logs/tftp_server.html", "logs/_tftp_server.html", path=path, lines=lines, trouble=trouble
    )


@bp.get("/ftp")
@needs("logs.read")
def ftp() -> ResponseReturnValue:
    path = config().ftp_log
    rows, trouble = read(path, reading.transfers)
    return htmx.render("logs/ftp.html", "logs/_ftp.html", path=path, rows=rows, trouble=trouble)


def read(
    path: Path | None, how: Callable[[Path], Sequence[object]]
) -> tuple[Sequence[object], str]:
    """What the file holds, or in words why it cannot be shown."""
    if path is None:
        return [], ""
    try:
        return how(path), ""
    except reading.LogFileError as error:
        return [], said(error)


def config() -> Config:
    found: Config = current_app.extensions["belldesk"]
    return found
