"""Runs: start, follow, stop, try again."""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import func

from webapp import htmx
from webapp.access import needs
from webapp.csv_export import csv_response
from webapp.extensions import db
from webapp.i18n import said
from webapp.models import Phone, Run, RunStep
from webapp.models.run import PUSHING
from webapp.paging import Key, page_of
from webapp.runs import services
from webapp.runs.forms import RolloutForm
from webapp.selection import chosen, number

bp = Blueprint("runs", __name__, url_prefix="/runs")

NEWEST = (Key(Run.id, "id", descending=True),)
BY_STEP = (Key(RunStep.id, "id"),)


@bp.get("/")
@needs("phones.read")
def index() -> ResponseReturnValue:
    page = page_of(Run.newest_first().order_by(None), NEWEST)
    counts = services.counts([run.id for run in page.rows])
    return htmx.render("runs/index.html", "runs/_rows.html", listed=page, counts=counts)


@bp.post("/")
@needs("phones.provision")
def create() -> ResponseReturnValue:
    """Start a run of the ticked phones (id=…), of all that fit a filter (all=1), of an import.

    kind=deliver tells them to take what they have; deliver=1 does so after new files were made.
    """
    import_id = number(request.form.get("import_id"))
    kind = "deliver" if request.form.get("kind") == "deliver" else "provision"
    options = {"deliver": True} if request.form.get("deliver") == "1" else None
    if import_id is not None:
        phones = services.of_import(current_user, import_id)
    else:
        phones = chosen(current_user, request.form)
    return begin(services.start(phones, current_user, import_id, kind=kind, options=options))


@bp.post("/rollout")
@needs("phones.provision")
def roll_out() -> ResponseReturnValue:
    """First ask how far and how long, then start with one phone."""
    phones = chosen(current_user, request.form)
    form = RolloutForm(None if "minutes" not in request.form else request.form)
    if "minutes" in request.form and form.validate_on_submit():
        return begin(services.start(phones, current_user, kind="rollout", options=form.chosen()))
    count = db.session.scalar(phones.with_only_columns(func.count(Phone.id)))
    asked = "minutes" in request.form
    return htmx.render(
        "runs/rollout.html",
        "runs/_rollout.html",
        422 if asked else 200,
        form=form,
        count=count,
        carried=[pair for pair in request.form.items(multi=True) if pair[0] not in form.own],
    )


@bp.get("/<int:run_id>")
@needs("phones.read")
def show(run_id: int) -> ResponseReturnValue:
    run = db.get_or_404(Run, run_id)
    return htmx.render("runs/show.html", "runs/_modal.html", **following(run))


@bp.get("/<int:run_id>/progress")
@needs("phones.read")
def progress(run_id: int) -> ResponseReturnValue:
    """The part that asks for itself; a browser that lands here wants the page."""
    run = db.get_or_404(Run, run_id)
    if not htmx.is_fragment():
        return htmx.go(url_for("runs.show", run_id=run.id))
    return render_template("runs/_progress.html", **following(run))


@bp.post("/<int:run_id>/stop")
@needs("phones.provision")
def stop(run_id: int) -> ResponseReturnValue:
    run = db.get_or_404(Run, run_id)
    services.stop(run)
    db.session.commit()
    services.send(run)
    if htmx.is_fragment():
        return render_template("runs/_progress.html", **following(run))
    return htmx.go(url_for("runs.show", run_id=run.id))


@bp.post("/<int:run_id>/retry")
@needs("phones.provision")
def retry(run_id: int) -> ResponseReturnValue:
    return begin(services.retry_failed(db.get_or_404(Run, run_id), current_user))


@bp.post("/<int:run_id>/continue")
@needs("phones.provision")
def carry_on(run_id: int) -> ResponseReturnValue:
    run = db.get_or_404(Run, run_id)
    services.carry_on(run)
    db.session.commit()
    services.send(run)
    return htmx.go(url_for("runs.show", run_id=run.id))


@bp.post("/<int:run_id>/roll-back")
@needs("phones.provision")
def roll_back(run_id: int) -> ResponseReturnValue:
    return begin(services.roll_back(db.get_or_404(Run, run_id), current_user))


@bp.get("/<int:run_id>/failures")
@needs("phones.read")
def failures(run_id: int) -> ResponseReturnValue:
    run = db.get_or_404(Run, run_id)
    query = RunStep.with_phone(RunStep.failed(run.id).order_by(None))
    page = page_of(query, BY_STEP)
    return htmx.render("runs/failures.html", "runs/_failures.html", run=run, listed=page)


@bp.get("/<int:run_id>/failures.csv")
@needs("phones.read")
def failures_csv(run_id: int) -> ResponseReturnValue:
    run = db.get_or_404(Run, run_id)
    return csv_response(f"run-{run.id}-failures.csv", failure_rows(run.id))


def failure_rows(run_id: int) -> Iterator[tuple[object, ...]]:
    yield _("MAC"), _("Phone"), _("Reason")
    for step in db.session.scalars(RunStep.with_phone(RunStep.failed(run_id))):
        yield step.mac, step.phone.label if step.phone else "", said(step)


def begin(run: Run) -> Response:
    """Commit the new run, wake a worker and show the run where the person is."""
    db.session.commit()
    services.send(run)
    if htmx.is_fragment():
        return Response(render_template("runs/_modal.html", **following(run)))
    flash(_("Run %(run)s has started", run=str(run)), "ok")
    return htmx.go(url_for("runs.show", run_id=run.id))


def following(run: Run) -> dict[str, Any]:
    """`in_modal`: whether the fragment lies in the modal, which links to the page."""
    shown = request.endpoint != "runs.progress" and htmx.is_fragment()
    return {
        "run": run,
        "progress": services.progress(run),
        "pushing": run.kind in PUSHING,
        "in_modal": request.args.get("in") == "modal" or (shown and "in" not in request.args),
    }
