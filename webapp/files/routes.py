"""The files phones can fetch: listed, shown without their secrets, downloaded on the record."""

from pathlib import Path

from flask import Blueprint, Response, abort, current_app, make_response, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import func

from webapp import audit, htmx
from webapp.access import confirmed, needs
from webapp.config import Config
from webapp.extensions import db
from webapp.files import services
from webapp.files.services import File
from webapp.models import Phone
from webapp.paging import Key, page_of

bp = Blueprint("files", __name__, url_prefix="/files")


@bp.get("/")
@needs("phones.read")
def index() -> ResponseReturnValue:
    q = request.args.get("q", "")
    query = services.served(current_user, q)
    found = page_of(query.options(*Phone.for_list()), [Key(Phone.mac, "mac")])
    return htmx.render(
        "files/index.html",
        "files/_rows.html",
        q=q,
        found=found,
        total=db.session.scalar(query.with_only_columns(func.count(Phone.id))),
        revisions=services.revisions_of(found.rows),
        names_of=services.names_of,
        model_name=services.model_name,
        config=config(),
    )


@bp.get("/export")
@needs("phones.read")
def export() -> ResponseReturnValue:
    args = request.args
    q = args.get("q", "")
    found = services.exported(folder(), q, args.get("after", ""), args.get("before", ""))
    return htmx.render(
        "files/export.html",
        "files/_export_rows.html",
        q=q,
        found=found,
        phones=services.phones_of([file.name for file in found.rows], current_user),
        model_name=services.model_name,
        config=config(),
    )


@bp.get("/view/<name>")
@needs("phones.read")
def show(name: str) -> ResponseReturnValue:
    return page(loaded(name))


@bp.post("/view/<name>")
@needs("phones.reveal")
@confirmed
def reveal(name: str) -> ResponseReturnValue:
    return revealed(loaded(name))


@bp.get("/export/<name>")
@needs("phones.read")
def show_exported(name: str) -> ResponseReturnValue:
    return page(loaded_exported(name))


@bp.post("/export/<name>")
@needs("phones.reveal")
@confirmed
def reveal_exported(name: str) -> ResponseReturnValue:
    return revealed(loaded_exported(name))


def loaded(name: str) -> File:
    return services.find(current_user, name) or abort(404)


def loaded_exported(name: str) -> File:
    return services.find_exported(current_user, folder(), name) or abort(404)


def page(file: File, is_shown: bool = False) -> Response:
    text = file.body.decode("utf-8", "replace") if is_shown else services.masked(file)
    return htmx.render("files/show.html", "files/_show.html", file=file, text=text, shown=is_shown)


def revealed(file: File) -> Response:
    """The file with its secrets, on the page or as a download; both are audited."""
    number = file.phone.id if file.phone else None
    audit.record("reveal", "Phone", number, str(file.phone or file.name), {"file": file.name})
    db.session.commit()
    if "download" not in request.form:
        return page(file, is_shown=True)
    response = make_response(file.body)
    response.headers["Content-Type"] = file.content_type
    response.headers.set("Content-Disposition", "attachment", filename=file.name)
    return response


def folder() -> Path:
    return config().export_dir or abort(404)


def config() -> Config:
    found: Config = current_app.extensions["belldesk"]
    return found
