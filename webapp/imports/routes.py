"""Uploads: a list of phones from the file to the phones."""

from typing import Literal

from flask import Blueprint, Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select

from provisioning import sheet as sheets
from provisioning.errors import ProvisioningError, SheetError
from provisioning.registry import registry
from webapp import audit, htmx
from webapp.access import confirmed, needs
from webapp.extensions import db
from webapp.i18n import said
from webapp.imports import services, tasks
from webapp.imports.forms import PreviewForm, UploadForm
from webapp.imports.shown import Shown
from webapp.imports.undo import undo as take_back
from webapp.jobs.queue import enqueue
from webapp.models import Phone, SheetImport
from webapp.paging import Key, Page, page_of

bp = Blueprint("imports", __name__, url_prefix="/imports")
ROWS = 100


@bp.get("/")
@needs("phones.read")
def index() -> ResponseReturnValue:
    form = UploadForm()
    form.fill()
    return htmx.render("imports/index.html", "imports/_list.html", form=form, page=newest())


def newest() -> Page[SheetImport]:
    return page_of(select(SheetImport), [Key(SheetImport.id, "id", descending=True)])


@bp.get("/template.txt")
@needs("phones.read")
def template() -> ResponseReturnValue:
    """The predecessors' header and nothing else, not even a line end."""
    return attachment(sheets.TEMPLATE.encode(), "template.txt", "text/plain; charset=utf-8")


@bp.post("/")
@needs("phones.write")
def create() -> ResponseReturnValue:
    form = UploadForm()
    form.fill()
    if not form.validate_on_submit():
        return again(form)
    file = form.sheet.data
    try:
        draft = services.upload(
            file.stream.read(), file.filename or "sheet", current_user, form.chosen()
        )
    except ProvisioningError as error:
        db.session.rollback()
        form.sheet.errors = [said(error)]
        return again(form)
    db.session.commit()
    return htmx.go(url_for("imports.show", import_id=draft.id))


def again(form: UploadForm) -> Response:
    return htmx.render("imports/index.html", "imports/_upload.html", 422, form=form, page=newest())


@bp.get("/<int:import_id>")
@needs("phones.read")
def show(import_id: int) -> ResponseReturnValue:
    draft = db.get_or_404(SheetImport, import_id)
    if draft.state != "draft":
        open_ones = db.session.execute(Phone.open_of_import(draft.id)).one()
        return htmx.render(
            "imports/show.html", "imports/_state.html", draft=draft, open_ones=open_ones
        )
    return preview(draft, form_of(draft))


def form_of(draft: SheetImport) -> PreviewForm:
    form = PreviewForm(
        formdata=None,
        model=draft.model,
        site=draft.site_id or 0,
        sip_server=draft.sip_server_id or 0,
        encoding=draft.encoding,
    )
    form.fill()
    return form


def preview(draft: SheetImport, form: PreviewForm, status: int = 200) -> Response:
    shown = Shown.asked(services.preview(draft))
    start = max(request.args.get("from", 0, int), 0)
    if start >= len(shown.rows):
        start = 0
    return htmx.render(
        "imports/preview.html",
        "imports/_preview.html",
        status,
        draft=draft,
        form=form,
        plan=shown.plan,
        wanted=shown.status,
        causes=shown.causes,
        cause=shown.cause,
        rows=shown.rows[start : start + ROWS],
        start=start,
        found=len(shown.rows),
        step=ROWS,
        model_names={model.key: model.name for model in registry().models.values()},
    )


@bp.post("/<int:import_id>/choices")
@needs("phones.write")
def choices(import_id: int) -> ResponseReturnValue:
    draft = db.get_or_404(SheetImport, import_id)
    form = PreviewForm()
    form.fill()
    if not form.validate_on_submit():
        return preview(draft, form, 422)
    try:
        services.choose(draft, form.chosen())
    except services.ImportStateError:
        raise
    except SheetError as error:
        db.session.rollback()
        form.encoding.errors = [said(error)]
        return preview(draft, form, 422)
    db.session.commit()
    if htmx.is_fragment():
        return preview(draft, form_of(draft))
    return redirect(url_for("imports.show", import_id=draft.id), 303)


@bp.post("/<int:import_id>/commit")
@needs("phones.write")
def commit(import_id: int) -> ResponseReturnValue:
    """Hand the draft to the worker; the page follows it."""
    draft = db.get_or_404(SheetImport, import_id)
    services.confirm(draft)
    db.session.commit()
    enqueue(tasks.COMMIT, draft.id)
    return htmx.go(url_for("imports.show", import_id=draft.id))


@bp.post("/<int:import_id>/cancel")
@needs("phones.write")
def cancel(import_id: int) -> ResponseReturnValue:
    services.cancel(db.get_or_404(SheetImport, import_id))
    db.session.commit()
    flash(_("The upload was cancelled; nothing was written."), "ok")
    return htmx.go(url_for("imports.index"))


@bp.post("/<int:import_id>/undo")
@needs("phones.write")
@confirmed
def undo(import_id: int) -> ResponseReturnValue:
    done = db.get_or_404(SheetImport, import_id)
    counts = take_back(done, force=request.form.get("force") == "1")
    db.session.commit()
    flash(
        _("Undone: %(deleted)d phones deleted, %(restored)d restored.", **counts),
        "ok",
    )
    return htmx.go(url_for("imports.show", import_id=done.id))


@bp.get("/<int:import_id>/refused.<any(csv,xlsx):kind>")
@needs("phones.write")
def refused(import_id: int, kind: Literal["csv", "xlsx"]) -> ResponseReturnValue:
    """The bad rows with their reasons, to be corrected and uploaded again."""
    draft = db.get_or_404(SheetImport, import_id)
    if draft.user_id != current_user.id and not current_user.may("phones.reveal"):
        abort(403)  # the passwords in it are known to who uploaded them
    sheet = services.with_all_reasons(services.preview(draft))
    audit.record("reveal", "SheetImport", draft.id, draft.filename, {"refused rows": kind})
    db.session.commit()
    body = sheets.refusals_sheet(sheet, kind, said)
    types = {
        "csv": "text/csv; charset=utf-8",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    }
    return attachment(body, f"refused-{draft.id}.{kind}", types[kind])


@bp.get("/<int:import_id>/original")
@needs("phones.reveal")
@confirmed
def original(import_id: int) -> ResponseReturnValue:
    """The file as it was uploaded, passwords and all: audited."""
    draft = db.get_or_404(SheetImport, import_id)
    if draft.body is None:
        abort(404)
    audit.record("reveal", "SheetImport", draft.id, draft.filename)
    db.session.commit()
    return attachment(draft.body, draft.name + ".txt", "application/octet-stream")


def attachment(body: bytes, name: str, content_type: str) -> Response:
    answer = Response(body, content_type=content_type)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


# What is decided for single rows of the preview.
from webapp.imports import rows as rows  # noqa: E402
