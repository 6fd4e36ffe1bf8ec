from flask import Blueprint, Response

from webapp import errors
from webapp.admin.services import NotYoursError, RefusedError
from webapp.extensions import db

bp = Blueprint("admin", __name__, url_prefix="/admin")


@bp.errorhandler(RefusedError)
def refused(error: RefusedError) -> Response:
    db.session.rollback()
    return errors.page(403 if isinstance(error, NotYoursError) else 422, str(error))
