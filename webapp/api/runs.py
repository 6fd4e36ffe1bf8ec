"""Runs: start one, follow it."""

from typing import Any

from flask import Response, jsonify, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import Select

from provisioning.errors import MacError
from provisioning.mac import normalise_mac
from webapp.access import needs
from webapp.api import filters, reading, run_body, shapes
from webapp.api.blueprint import bp
from webapp.api.errors import ApiError
from webapp.chunks import chunks
from webapp.extensions import db
from webapp.i18n import said
from webapp.models import Phone, Run
from webapp.runs import services
from webapp.selection import filtered

WHICH = ("macs", "filter", "all")
MOST_MACS = 10_000


@bp.post("/runs")
@needs("phones.provision")
def start_run() -> ResponseReturnValue:
    """Exactly one of `macs`, `filter`, `all` says which phones: nothing never means everything."""
    sent = reading.body((*WHICH, "kind", "options"))
    kind = run_body.kind_of(sent)
    options = run_body.options_of(kind, sent)
    if sum(name in sent for name in WHICH) != 1 or sent.get("all") is False:
        words = _("Say which phones, by one of %(names)s", names=", ".join(WHICH))
        raise ApiError(422, words)
    run = services.start(meant(sent), current_user, kind=kind, options=options)
    return begun(run)


def begun(run: Run) -> Response:
    db.session.commit()
    services.send(run)
    answer = jsonify(shapes.run(run))
    answer.status_code = 202
    answer.location = url_for("api.run", run_id=run.id)
    return answer


def meant(sent: dict[str, Any]) -> list[int] | Select[Phone]:
    if "macs" in sent:
        return ids_of(reading.objects(sent, "macs", str, MOST_MACS))
    if "all" in sent:
        reading.flag(sent, "all")
        return Phone.visible_to(current_user)
    wanted = sent["filter"]
    if not isinstance(wanted, dict) or not wanted:
        raise ApiError(422, _("A filter needs a value"), field="filter")
    return filtered(current_user, filters.checked(wanted, "filter."))


def ids_of(texts: list[str]) -> list[int]:
    """All of them or none: a phone that is not there is a mistake, not a phone less."""
    macs = {normalised(text): text for text in texts}
    found: dict[str, int] = {}
    for part in chunks(list(macs)):
        query = Phone.visible_to(current_user).where(Phone.mac.in_(part))
        rows = db.session.execute(query.with_only_columns(Phone.mac, Phone.id))
        found |= {row[0]: row[1] for row in rows}
    for mac, text in macs.items():
        if mac not in found:
            raise ApiError(422, _("There is no phone %(mac)s", mac=text[:40]), field="macs")
    return list(found.values())


def normalised(text: str) -> str:
    try:
        return normalise_mac(text)
    except MacError as error:
        raise ApiError(422, said(error), field="macs") from error


@bp.post("/runs/<int:run_id>/stop")
@needs("phones.provision")
def stop_run(run_id: int) -> ResponseReturnValue:
    run = sent_to(run_id)
    services.stop(run)
    return begun(run)


@bp.post("/runs/<int:run_id>/continue")
@needs("phones.provision")
def continue_run(run_id: int) -> ResponseReturnValue:
    run = sent_to(run_id)
    services.carry_on(run)
    return begun(run)


@bp.post("/runs/<int:run_id>/roll-back")
@needs("phones.provision")
def roll_run_back(run_id: int) -> ResponseReturnValue:
    return begun(services.roll_back(sent_to(run_id), current_user))


def sent_to(run_id: int) -> Run:
    """The run; there is nothing to say about it."""
    reading.body(())
    return db.get_or_404(Run, run_id)


@bp.get("/runs/<int:run_id>")
@needs("phones.read")
def run(run_id: int) -> ResponseReturnValue:
    return jsonify(shapes.run(db.get_or_404(Run, run_id)))
