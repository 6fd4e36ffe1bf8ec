"""What one company allows the desk on its computers."""

from flask import Response, abort, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.access import needs
from webapp.control import allowed
from webapp.control.blueprint import bp, saved
from webapp.control.params import ControlError, lines
from webapp.extensions import db
from webapp.i18n import said
from webapp.models import Company


@bp.get("/companies/<int:company_id>")
@needs("computers.write")
def company(company_id: int) -> ResponseReturnValue:
    found = company_or_404(company_id)
    return page(found, found.programs or "", found.keep_open or "", found.hide_titles)


@bp.post("/companies/<int:company_id>")
@needs("computers.write")
def save_company(company_id: int) -> ResponseReturnValue:
    found = company_or_404(company_id)
    programs, keep_open = request.form.get("programs", ""), request.form.get("keep_open", "")
    hides = "hide_titles" in request.form
    wanted = [line.strip() for line in programs.splitlines() if line.strip()]
    errors = {"programs": wrong_programs(wanted), "keep_open": wrong_words(keep_open)}
    if any(errors.values()):
        return page(found, programs, keep_open, hides, errors)
    found.programs = "\n".join(dict.fromkeys(wanted))
    found.keep_open, found.hide_titles = "\n".join(lines(keep_open, "keep_open")), hides
    return saved(url_for("control.company", company_id=found.id))


def company_or_404(company_id: int) -> Company:
    return db.session.get(Company, company_id) or abort(404)


def wrong_programs(wanted: list[str]) -> str:
    wrong = next((line for line in wanted if not allowed.is_entry(line)), "")
    if wrong:
        return str(_("“%(line)s” is neither a program's name nor a whole path. Arguments, quotes"
                     " and “..” are not allowed.", line=wrong))  # fmt: skip
    if len(wanted) > allowed.MOST:
        return str(_("At most %(most)s lines.", most=allowed.MOST))
    return ""


def wrong_words(text: str) -> str:
    try:
        lines(text, "keep_open")
    except ControlError as error:
        return said(error)
    return ""


def page(
    found: Company, programs: str, keep_open: str, hide_titles: bool,
    errors: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    context = {"company": found, "programs": programs, "keep_open": keep_open}
    shown = render_template(
        "control/company.html", **context, hide_titles=hide_titles, errors=errors or {}
    )
    return make_response(shown, 422 if errors else 200)
