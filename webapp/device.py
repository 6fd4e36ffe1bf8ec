"""A browser that once signed in to an account is remembered, by a signed cookie of its own.

It opens nothing. It only keeps a stranger's wrong passwords from making this browser wait.
"""

from flask import Request, current_app
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

COOKIE = "belldesk_device"
SECONDS = 90 * 24 * 3600


def signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="belldesk device")


def is_known(request: Request, name: str) -> bool:
    try:
        return bool(signer().loads(request.cookies.get(COOKIE, ""), max_age=SECONDS) == name)
    except BadSignature:
        return False


def remember(response: Response, name: str) -> Response:
    response.set_cookie(
        COOKIE,
        str(signer().dumps(name)),
        max_age=SECONDS,
        path="/login",
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )
    return response
