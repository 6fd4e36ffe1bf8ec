"""Which firmware the phones run, and which of them should not."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from provisioning.registry import registry
from webapp import fleet
from webapp.access import needs
from webapp.models import Phone

bp = Blueprint("firmware", __name__, url_prefix="/firmware")


@bp.get("/")
@needs("phones.read")
def index() -> ResponseReturnValue:
    rows = fleet.installed(Phone.visible_to(current_user))
    return render_template(
        "firmware/index.html",
        rows=[row for row in rows if row.firmware],
        unsaid=sum(row.count for row in rows if not row.firmware),
        vulnerable=sum(row.count for row in rows if row.advice.flaws),
        outdated=sum(row.count for row in rows if row.advice.outdated),
        names={key: model.name for key, model in registry().models.items()},
    )
