"""A token for a password, an end to it, and whose it is."""

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from webapp import names, tokens
from webapp.access import public, signed_in
from webapp.api import reading, shapes
from webapp.api.bearer import act_as, present
from webapp.api.blueprint import bp
from webapp.api.errors import ApiError
from webapp.extensions import db
from webapp.models.token import LONGEST_NAME
from webapp.signing_in import Outcome, Visitor, sign_in
from webapp.user_agent import printable


@bp.post("/token")
@public
def sign_in_for_a_token() -> ResponseReturnValue:
    """Slowed down and logged like the sign-in page, and by the same counters."""
    sent = reading.body(("name", "password", "token_name"))
    name = names.normal(reading.text(sent, "name"))
    password = reading.text(sent, "password")
    label = printable(reading.text(sent, "token_name"), LONGEST_NAME)
    visitor = Visitor(request.remote_addr or "", request.user_agent.string)
    outcome = sign_in(name, password, visitor)
    if outcome.user is None:
        raise refusal(outcome)
    act_as(outcome.user)
    row, text = tokens.issue(outcome.user, label)
    db.session.commit()
    return jsonify(token=text, **shapes.token(row)), 201


def refusal(outcome: Outcome) -> ApiError:
    if outcome.reason == "throttled":
        wait = {"Retry-After": str(outcome.wait)}
        return ApiError(429, outcome.words(), headers=wait)
    if outcome.reason == "disabled":
        return ApiError(403, outcome.words(), code="disabled")
    return ApiError(401, outcome.words(), code="wrong_credentials")


@bp.delete("/token")
@signed_in
def revoke_this_token() -> ResponseReturnValue:
    tokens.revoke(present())
    db.session.commit()
    return "", 204


@bp.get("/me")
@signed_in
def me() -> ResponseReturnValue:
    return jsonify(**shapes.person(), token=shapes.token(present()))
