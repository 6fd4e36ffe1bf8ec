"""One place turns errors into answers. Every answer carries the reference that is in the log."""

import logging
import re
import secrets

from flask import Flask, Response, current_app, g, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import AnonymousUserMixin, current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from provisioning.errors import ProvisioningError
from webapp import access, htmx, json_errors
from webapp.extensions import db
from webapp.i18n import said
from webapp.security import is_api
from webapp.user_agent import printable

log = logging.getLogger("belldesk.web")
KEY = re.compile(r"/([pw])/[^/]+", re.IGNORECASE)
PAGES = {403, 404, 422, 429, 500}


def loggable(path: str) -> str:
    """The path on one line, without a key or a label's code: phones ask where no door is too."""
    return printable(KEY.sub(r"/\1/•••", path), 300)


def init_app(app: Flask) -> None:
    app.after_request(show_the_number)
    app.register_error_handler(ProvisioningError, refused)
    app.register_error_handler(CSRFError, expired)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, unexpected)


def reference() -> str:
    """This request's; made when first asked for, since CSRF refuses before anything else runs."""
    if "reference" not in g:
        g.reference = secrets.token_hex(5)
    found: str = g.reference
    return found


def show_the_number(response: Response) -> Response:
    response.headers["X-Request-ID"] = reference()
    return response


def refused(error: ProvisioningError) -> Response:
    return page(422, said(error))


def expired(error: CSRFError) -> ResponseReturnValue:
    """The token goes with the session: whose session has run out is asked to sign in."""
    view = current_app.view_functions.get(request.endpoint or "")
    if not current_user.is_authenticated and getattr(view, "access", "public") != "public":
        return access.to_sign_in()
    return page(422, _("This form is too old or was not sent from this desk. Load the page again."))


def http_error(error: HTTPException) -> Response:
    if error.response is not None:
        return make_response(error.response)
    code = error.code or 500
    worded = code in PAGES or is_api(request)
    answer = page(code, "" if worded else str(error.description or ""))
    if isinstance(error, MethodNotAllowed):
        answer.allow.update(error.valid_methods or ())
    return answer


def unexpected(error: Exception) -> Response:
    path = loggable(request.path)
    log.exception("reference=%s %s %s", reference(), request.method, path)
    g._login_user = AnonymousUserMixin()  # the page must not ask a database that may be away
    db.session.rollback()  # PostgreSQL would refuse what the page itself has to read
    return page(500)


def page(code: int, message: str = "") -> Response:
    """The page, or a toast, for an error; its reference goes into the log with what was asked."""
    if code != 500:
        note(code)
    if is_api(request):
        return json_errors.answer(code, reference(), message)
    if htmx.is_fragment() and code != 500:
        response = make_response(message, code)
        response.headers["HX-Reswap"] = "none"
        toast = {"kind": "bad", "text": message or _("This was refused (%(code)d).", code=code)}
        return htmx.trigger(response, toast=toast)
    template = f"errors/{code if code in PAGES else 422}.html"
    return make_response(
        render_template(template, reference=reference(), message=message, code=code),
        code,
    )


def note(code: int) -> None:
    path = loggable(request.path)
    address = request.remote_addr
    log.info("reference=%s %d %s %s address=%s", reference(), code, request.method, path, address)
