from collections.abc import Callable

from flask import Blueprint, Response, abort, flash, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import undefer

from webapp import errors, htmx
from webapp.control import services
from webapp.control.params import ControlError
from webapp.extensions import db
from webapp.i18n import said
from webapp.models import Computer

bp = Blueprint("control", __name__, url_prefix="/computers")


@bp.errorhandler(ControlError)
def refused(error: ControlError) -> Response:
    db.session.rollback()
    return errors.page(422, said(error))


def computer_or_404(computer_id: int) -> Computer:
    query = Computer.visible_to(current_user).where(Computer.id == computer_id)
    return db.session.scalar(query.options(undefer(Computer.facts))) or abort(404)


def asked(address: str) -> Response:
    """After something was put into the queue."""
    db.session.commit()
    return htmx.go(address)


def saved(address: str) -> Response:
    db.session.commit()
    flash(_("Saved"), "ok")
    return htmx.go(address)


def looked(
    computer: Computer, verb: str, page: Callable[[Computer], Response]
) -> ResponseReturnValue:
    """Ask for a list anew; `watch` comes from a page that is open, every few seconds."""
    services.look(computer, current_user, verb, "watch" in request.form)
    db.session.commit()
    if htmx.is_fragment():
        return page(computer)
    return htmx.go(request.full_path.rstrip("?"))
