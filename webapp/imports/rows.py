"""Model, site and SIP server decided for single rows of a preview."""

from dataclasses import dataclass
from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from webapp import htmx
from webapp.access import needs
from webapp.extensions import db
from webapp.imports import services
from webapp.imports.forms import RowsForm
from webapp.imports.overrides import FIELDS
from webapp.imports.plan import Planned
from webapp.imports.routes import bp, form_of, preview
from webapp.imports.shown import Shown
from webapp.models import SheetImport
from webapp.selection import number


@dataclass(frozen=True, slots=True)
class Meant:
    """The rows that a request means: all that are looked at, or those it names."""

    numbers: list[int]
    all: bool
    only: Planned | None


def meant(draft: SheetImport) -> Meant:
    if request.values.get("all") == "1":
        shown = Shown.asked(services.preview(draft))
        return Meant([planned.row.number for planned in shown.rows], True, None)
    found = [number(text) for text in request.values.getlist("id")]
    numbers = [row for row in found if row is not None]
    if len(numbers) != len(found):
        numbers.append(0)  # no row has it: refused with words
    return Meant(numbers, False, row_of(draft, numbers[0]) if len(numbers) == 1 else None)


def row_of(draft: SheetImport, row: int) -> Planned | None:
    """The one row that is chosen, for its form; what it is saved as needs no look at it."""
    if "save" in request.form:
        return None
    return next((p for p in services.preview(draft).rows if p.row.number == row), None)


def here() -> dict[str, Any]:
    """What of the address says which rows are looked at."""
    names = ("status", "cause", "from")
    return {name: request.args[name] for name in names if name in request.args}


@bp.route("/<int:import_id>/rows", methods=["GET", "POST"])
@needs("phones.write")
def choose_rows(import_id: int) -> ResponseReturnValue:
    """Ask what the rows shall get; with `save`, take it over."""
    draft = db.get_or_404(SheetImport, import_id)
    services.require(draft, "draft")
    rows, form = meant(draft), RowsForm(formdata=None)
    if "save" in request.form:
        form = RowsForm()
    form.fill(several=rows.all or len(rows.numbers) != 1)
    if "save" not in request.form:
        if rows.only:
            form.show(rows.only.override)
        return ask(draft, rows, form)
    if not form.validate_on_submit():
        return ask(draft, rows, form, 422)
    return decided(draft, rows, form.changes())


def ask(draft: SheetImport, rows: Meant, form: RowsForm, status: int = 200) -> Response:
    page = htmx.render(
        "imports/rows.html",
        "imports/_rows.html",
        status,
        draft=draft,
        rows=rows,
        form=form,
        here=here(),
    )
    if htmx.is_fragment():
        page.headers["HX-Retarget"], page.headers["HX-Reswap"] = "#modal-body", "innerHTML"
    return page


@bp.post("/<int:import_id>/rows/clear")
@needs("phones.write")
def clear_rows(import_id: int) -> ResponseReturnValue:
    """Take back what was decided for the rows: they are again as the sheet says."""
    draft = db.get_or_404(SheetImport, import_id)
    services.require(draft, "draft")
    return decided(draft, meant(draft), dict.fromkeys(FIELDS))


def decided(draft: SheetImport, rows: Meant, changes: dict[str, object]) -> ResponseReturnValue:
    count = services.choose_rows(draft, rows.numbers, changes) if changes else 0
    db.session.commit()
    words = ngettext("%(num)d row is judged anew", "%(num)d rows are judged anew", count)
    words = words if changes else _("Nothing was changed")
    if htmx.is_fragment():
        toast = {"kind": "ok" if changes else "info", "text": words}
        return htmx.trigger(preview(draft, form_of(draft)), toast=toast, closeModal=True)
    flash(words, "ok" if changes else "info")
    return redirect(url_for("imports.show", import_id=draft.id, **here()), 303)
