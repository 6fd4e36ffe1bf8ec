"""Uploads: what a list of phones would do, or do it."""

from flask import jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from provisioning.errors import SheetError
from webapp.access import needs
from webapp.api import named, reading, shapes
from webapp.api.blueprint import bp
from webapp.api.errors import ApiError
from webapp.extensions import db
from webapp.i18n import said
from webapp.imports import services, tasks
from webapp.imports.forms import ENCODINGS
from webapp.imports.plan import Plan
from webapp.jobs.queue import enqueue
from webapp.models import SheetImport

FIELDS = ("model", "site", "server", "encoding", "commit", "all_or_nothing")


@bp.post("/imports")
@needs("phones.write")
def upload() -> ResponseReturnValue:
    """Nothing is written, nor kept, without commit=1; then the worker writes the good rows."""
    draft, plan = drafted()
    counted = shapes.plan(plan)
    refused = plan.counts["refused"] and "all_or_nothing" in yes()
    if "commit" not in yes() or refused:
        db.session.rollback()
        return jsonify(counted | {"import": None}), 422 if refused else 200
    services.confirm(draft)
    db.session.commit()
    enqueue(tasks.COMMIT, draft.id)
    answer = jsonify(counted | {"import": shapes.upload(draft)})
    answer.status_code = 202
    answer.location = url_for("api.imported", import_id=draft.id)
    return answer


def drafted() -> tuple[SheetImport, Plan]:
    if request.mimetype != "multipart/form-data":
        raise ApiError(415, _("Send the list as multipart/form-data, as the field “sheet”"))
    file = request.files.get("sheet")
    if file is None:
        raise ApiError(422, _("Choose a file first"), field="sheet")
    chosen = choices()
    try:
        body = file.stream.read()
        draft = services.upload(body, file.filename or "sheet", current_user, chosen)
        return draft, services.preview(draft)
    except SheetError as error:
        raise ApiError(422, said(error), field="sheet") from error


def choices() -> services.Choices:
    """What rows get that do not name their own."""
    sent = request.form
    reading.only(sent, FIELDS)
    encoding = sent.get("encoding", "")
    if encoding and encoding not in ENCODINGS:
        raise named.unknown(encoding, "encoding")
    return services.Choices(
        model=named.model(sent["model"]) if sent.get("model") else "",
        site=named.site(sent["site"]) if sent.get("site") else None,
        sip_server=named.server(sent["server"]) if sent.get("server") else None,
        encoding=encoding,
    )


def yes() -> set[str]:
    """Which of the two switches are on."""
    found = set()
    for name in ("commit", "all_or_nothing"):
        value = request.form.get(name, "0")
        if value not in ("0", "1"):
            raise ApiError(422, _("1 or 0 is needed"), field=name)
        if value == "1":
            found.add(name)
    return found


@bp.get("/imports/<int:import_id>")
@needs("phones.read")
def imported(import_id: int) -> ResponseReturnValue:
    return jsonify(shapes.upload(db.get_or_404(SheetImport, import_id)))
