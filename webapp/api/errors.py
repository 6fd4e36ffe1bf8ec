"""What the API refuses, beyond the errors of the whole application."""

from collections.abc import Mapping

from flask import Response

from webapp import errors, json_errors
from webapp.api.blueprint import bp
from webapp.extensions import db
from webapp.i18n import said
from webapp.tokens import TokenError


class ApiError(Exception):
    """`field` is where in the body or the query it is wrong, `code` a word for programs."""

    def __init__(
        self,
        status: int,
        message: str = "",
        *,
        field: str = "",
        code: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.field, self.code = status, message, field, code
        self.headers = headers or {}


@bp.errorhandler(ApiError)
def refused(error: ApiError) -> Response:
    db.session.rollback()
    errors.note(error.status)
    answer = json_errors.answer(
        error.status, errors.reference(), error.message, code=error.code, field=error.field
    )
    answer.headers.update(error.headers)
    return answer


@bp.errorhandler(TokenError)
def strange_token(error: TokenError) -> Response:
    answer = errors.page(401, said(error))
    answer.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return answer
