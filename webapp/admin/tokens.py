"""A user's tokens, which somebody else may have to revoke."""

from flask import abort, flash, redirect
from flask import url_for as url
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from webapp import tokens
from webapp.access import needs
from webapp.admin import services
from webapp.admin.blueprint import bp
from webapp.extensions import db
from webapp.models import ApiToken, User


@bp.post("/users/<int:user_id>/tokens/<int:token_id>/revoke")
@needs("users.write")
def revoke_token(user_id: int, token_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    services.check_managed(user, current_user)
    row = db.session.get(ApiToken, token_id)
    if row is None or row.user_id != user.id:
        abort(404)
    tokens.revoke(row)
    db.session.commit()
    flash(_("The token “%(name)s” is revoked: it opens nothing any more.", name=str(row)), "ok")
    return redirect(url(".edit_user", user_id=user.id), 303)


@bp.post("/users/<int:user_id>/tokens/revoke")
@needs("users.write")
def revoke_tokens(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    services.check_managed(user, current_user)
    count = tokens.revoke_all(user)
    db.session.commit()
    flash(ngettext("%(num)s token is revoked.", "%(num)s tokens are revoked.", count), "ok")
    return redirect(url(".edit_user", user_id=user.id), 303)
