"""The Settings page: what phones get, for all, a vendor, a model, a company, a site, a profile."""

from datetime import datetime
from typing import Any

from flask import (
    Blueprint,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from sqlalchemy import func

from provisioning.registry import registry
from webapp import setting_values
from webapp.access import needs
from webapp.extensions import db, utcnow
from webapp.models import Company, Phone, Profile, Site
from webapp.selection import filtered, moment_of
from webapp.setting_values import SCOPE_NAMES, Scope

bp = Blueprint("settings", __name__, url_prefix="/settings")


@bp.get("/")
@needs("settings.read")
def index() -> ResponseReturnValue:
    scope = chosen()
    return page(scope, {}, moment_of(request.args.get("since", "")))


@bp.post("/")
@needs("settings.write")
def update() -> ResponseReturnValue:
    scope = chosen()
    typed = request.form.to_dict()
    if "inherit" in typed:
        typed = {f"set:{typed['inherit']}": ""}
    before = utcnow()
    changed, errors = setting_values.save(scope, typed, keep_secrets="inherit" not in request.form)
    if errors:
        return page(scope, errors)
    db.session.commit()
    if not changed:
        flash(_("Nothing was changed"), "info")
        return redirect(address(scope), 303)
    words = ngettext("%(num)s setting is changed", "%(num)s settings are changed", len(changed))
    flash(words, "ok")
    return redirect(address(scope, before.isoformat()), 303)


def address(scope: Scope, since: str | None = None) -> str:
    return url_for("settings.index", scope=scope.kind, target=scope.target or None, since=since)


def chosen() -> Scope:
    """The scope that the address or the form names; the desk-wide one if none."""
    kind = request.values.get("scope", "everywhere")
    if kind not in SCOPE_NAMES or kind == "phone":
        abort(404)
    target = request.values.get("target", "") or first_target(kind)
    scope = setting_values.scope_of(kind, target)
    if scope is None and not request.values.get("target"):
        return Scope(kind, "", "")
    return scope or abort(404)


def first_target(kind: str) -> str:
    offered = targets(kind)
    return offered[0][0] if offered else ""


def targets(kind: str) -> list[tuple[str, str]]:
    """What of this kind there is to choose: (key, name)."""
    if kind == "vendor":
        return [(vendor.key, vendor.name) for vendor in registry().vendors.values()]
    if kind == "model":
        return [(model.key, model.name) for model in registry().models.values()]
    tables: dict[str, Any] = {"company": Company, "site": Site, "profile": Profile}
    if kind not in tables:
        return []
    return [(str(row.id), str(row)) for row in db.session.scalars(tables[kind].by_name())]


def page(
    scope: Scope, errors: dict[str, str], since: datetime | None = None
) -> ResponseReturnValue:
    exists = bool(scope.target) or scope.kind == "everywhere"
    typed = request.form if errors else None
    reached = setting_values.used_by(scope)
    if since:
        reached["before_revision"] = since.isoformat()
    count = filtered(current_user, reached).with_only_columns(func.count(Phone.id))
    body = render_template(
        "settings/index.html",
        scope=scope,
        scopes=[(kind, name) for kind, name in SCOPE_NAMES.items() if kind != "phone"],
        targets=targets(scope.kind),
        groups=setting_values.groups(scope, typed, errors) if exists else {},
        errors=errors,
        reached=reached,
        since=since,
        outdated=db.session.scalar(count) if since else 0,
    )
    return make_response(body, 422 if errors else 200)
