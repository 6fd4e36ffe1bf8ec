"""How the API says that something went wrong: always JSON, always with the log's reference."""

from flask import Response, jsonify
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

CODES = {
    400: "bad_request",
    401: "invalid_token",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many",
    500: "internal",
}
# Where a page has words for it, the same.
WORDS = {
    400: _l("The request could not be read"),
    401: _l("invalid or expired token"),
    403: _l("This is not yours to do"),
    404: _l("Nothing is here"),
    405: _l("This address does not take this method"),
    413: _l("What was sent is too large"),
    415: _l("The body must be JSON, sent as Content-Type: application/json"),
    422: _l("That could not be accepted"),
    429: _l("Too many tries"),
    500: _l("Something broke on our side"),
}


def answer(
    status: int, reference: str, message: str = "", *, code: str = "", field: str = ""
) -> Response:
    error = {
        "code": code or CODES.get(status, "refused"),
        "message": message
        or str(WORDS.get(status, _("This was refused (%(code)d).", code=status))),
        "reference": reference,
    }
    if field:
        error["field"] = field
    response = jsonify(error=error)
    response.status_code = status
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
