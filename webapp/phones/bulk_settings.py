"""The pages that give chosen phones other settings: choose, see what would change, write."""

from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from provisioning.settings import CATALOGUE
from webapp.access import needs
from webapp.extensions import db
from webapp.jobs import starting
from webapp.jobs.queue import enqueue
from webapp.phones import setting_changes
from webapp.phones.routes import bp
from webapp.selection import FILTERS, chosen, number
from webapp.setting_values import GROUPS

ROWS = 200
MEANS_PHONES = ("id", "all", *FILTERS)


@bp.post("/settings")
@needs("phones.write")
def change_settings() -> ResponseReturnValue:
    """First ask which settings, then show what would change (`preview`), then write (`save`)."""
    phones = setting_changes.listed(chosen(current_user, request.form))
    if "preview" not in request.form and "save" not in request.form:
        return page("choose", phones, {})
    wanted, errors = setting_changes.wanted_of(request.form)
    if errors or not wanted:
        return page("choose", phones, errors, 422, nothing=not wanted)
    found = list(setting_changes.changes(phones, wanted))
    if "save" not in request.form:
        start = number(request.form.get("preview")) or 0
        return page(
            "preview",
            phones,
            {},
            wanted=wanted,
            summaries=setting_changes.summaries(found, wanted, len(phones)),
            rows=found[start : start + ROWS],
            start=start,
            found=len(found),
            step=ROWS,
        )
    ids = setting_changes.save(found, wanted) if found else []
    return written(ids)


def written(ids: list[int]) -> ResponseReturnValue:
    words = ngettext(
        "%(num)s phone has other settings now", "%(num)s phones have other settings now", len(ids)
    )
    if not (ids and "provision" in request.form and current_user.may("phones.provision")):
        db.session.commit()
        flash(words if ids else _("Nothing was changed"), "ok" if ids else "info")
        return redirect(url_for("phones.index"), 303)
    run = starting.start(ids, current_user)
    db.session.commit()
    enqueue("run", run.id)
    flash(words, "ok")
    return redirect(url_for("runs.show", run_id=run.id), 303)


def page(
    which: str, phones: list[Any], errors: dict[str, str], status: int = 200, **more: Any
) -> Response:
    groups: dict[str, list[Any]] = {}
    for setting in CATALOGUE.values():
        groups.setdefault(str(GROUPS.get(setting.group, setting.group)), []).append(setting)
    body = render_template(
        f"phones/settings_{which}.html",
        phones=len(phones),
        groups=groups,
        errors=errors,
        form=request.form,
        kept=[pair for pair in request.form.items(multi=True) if pair[0] in MEANS_PHONES],
        inherit=request.form.getlist("inherit"),
        **more,
    )
    return make_response(body, status)
