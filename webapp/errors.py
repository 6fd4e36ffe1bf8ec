"""One place turns errors into answers. Every answer carries the reference that is in the log."""

import logging
import secrets

from flask import Flask, Response, g, make_response, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from provisioning.errors import ProvisioningError
from webapp import htmx
from webapp.i18n import said

log = logging.getLogger("belldesk.web")
PAGES = {403, 404, 422, 429, 500}


def init_app(app: Flask) -> None:
    app.before_request(number_the_request)
    app.after_request(show_the_number)
    app.register_error_handler(ProvisioningError, refused)
    app.register_error_handler(CSRFError, expired)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, unexpected)


def number_the_request() -> None:
    g.reference = secrets.token_hex(5)


def show_the_number(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.get("reference", "")
    return response


def refused(error: ProvisioningError) -> Response:
    return page(422, said(error))


def expired(error: CSRFError) -> Response:
    return page(422, _("This form is too old or was not sent from this desk. Load the page again."))


def http_error(error: HTTPException) -> Response:
    if error.response is not None:
        return make_response(error.response)
    code = error.code or 500
    return page(code, "" if code in PAGES else str(error.description or ""))


def unexpected(error: Exception) -> Response:
    log.exception("reference=%s %s %s", g.get("reference", "-"), request.method, request.path)
    return page(500)


def page(code: int, message: str = "") -> Response:
    if htmx.is_fragment() and code != 500:
        response = make_response(message, code)
        response.headers["HX-Reswap"] = "none"
        toast = {"kind": "bad", "text": message or _("This was refused (%(code)d).", code=code)}
        return htmx.trigger(response, toast=toast)
    template = f"errors/{code if code in PAGES else 422}.html"
    return make_response(
        render_template(template, reference=g.get("reference", ""), message=message, code=code),
        code,
    )
