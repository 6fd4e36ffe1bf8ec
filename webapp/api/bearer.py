"""Who asks. Runs before every view of the API, and replaces what a cookie might have said."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import ParamSpec

from flask import current_app, g, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import AnonymousUserMixin

from webapp import tokens
from webapp.access import CONFIRMED_SECONDS
from webapp.api.blueprint import bp
from webapp.api.errors import ApiError
from webapp.extensions import utcnow
from webapp.models import ApiToken, User

P = ParamSpec("P")
View = Callable[P, ResponseReturnValue]


@bp.before_request
def know() -> None:
    act_as(None)
    view = current_app.view_functions[request.endpoint or ""]
    if getattr(view, "access", "") == "public":
        return
    row = tokens.verified(bearer())
    tokens.note_use(row, request.remote_addr or "")
    g.api_token = row
    act_as(row.user)
    if row.user.must_change_password:
        words = _("Choose your own password in the desk first")
        raise ApiError(403, words, code="password_change_needed")


def act_as(user: User | None) -> None:
    """Make rights, language and audit those of this user for the rest of the request."""
    g._login_user = user or AnonymousUserMixin()


def bearer() -> str:
    sent = request.authorization
    if sent is None:
        words = _("A token is needed: Authorization: Bearer …")
        raise ApiError(401, words, code="token_needed")
    return (sent.token or "") if sent.type == "bearer" else ""


def present() -> ApiToken:
    """The token that this request came with."""
    row: ApiToken = g.api_token
    return row


def need_fresh() -> None:
    if utcnow() - present().created_at > timedelta(seconds=CONFIRMED_SECONDS):
        words = _("This needs a token that is at most five minutes old: POST /api/v1/token")
        raise ApiError(403, words, code="fresh_token_needed")


def fresh(view: View[P]) -> View[P]:
    """Ask for a token whose password was typed within five minutes. Stands below the mark.

    It is to the API what `confirmed` is to pages: a token that was stolen deletes nothing.
    """

    @wraps(view)
    def asked(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        need_fresh()
        return view(*args, **kwargs)

    asked.__dict__["confirmed"] = True
    return asked
