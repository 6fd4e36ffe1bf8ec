"""Tokens that open the API: signed, bound to this installation and environment, and revocable.

A JWT says whose it is; whether it still holds is asked of its row at every request.
"""

import math
import secrets
from datetime import timedelta
from functools import lru_cache

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app
from sqlalchemy import update

from provisioning.errors import N_, ProvisioningError
from webapp.config import Config
from webapp.extensions import db, utcnow
from webapp.models import ApiToken, User

ALGORITHM = "HS256"
CLAIMS = ("aud", "exp", "iat", "jti", "sub")
LONGEST = 2000  # characters; ours have about 260
LEEWAY = 30  # seconds two of our machines' clocks may differ; the row's own times are exact
NOTE_USE = timedelta(minutes=1)


class TokenError(ProvisioningError):
    """It opens nothing; the words do not say why, which is nobody's business but its owner's."""

    def __init__(self) -> None:
        super().__init__(N_("invalid or expired token"))


def issue(user: User, name: str) -> tuple[ApiToken, str]:
    """Make a token of this user, who has just proved to be them. The caller commits.

    Raise TokenError if their password was changed, or they were disabled, since they were read.
    """
    proved = user.password_hash
    hold(user)
    if user.password_hash != proved or not user.active:
        raise TokenError
    now = utcnow()
    row = ApiToken(
        jti=secrets.token_urlsafe(24),
        user=user,
        user_id=user.id,
        name=name,
        created_at=now,
        expires_at=now + config().token_lifetime,
    )
    db.session.add(row)
    db.session.flush()
    return row, signed(row)


def hold(user: User) -> None:
    """Lock the user until the commit: a new password must revoke what is issued just now too."""
    own = update(User).where(User.id == user.id).values(password_hash=User.password_hash)
    db.session.execute(own, execution_options={"synchronize_session": False})
    db.session.refresh(user, ["password_hash", "active"], with_for_update=True)


def signed(row: ApiToken) -> str:
    claims = {
        "aud": audience(),
        "sub": str(row.user_id),
        "jti": row.jti,
        "iat": int(row.created_at.timestamp()),
        "exp": math.ceil(row.expires_at.timestamp()),
    }
    return jwt.encode(claims, key(config().secret_key), ALGORITHM)


def verified(text: str) -> ApiToken:
    """The row of a token that holds; raise TokenError for any other text."""
    try:
        claims = jwt.decode(
            text[: LONGEST + 1],
            key(config().secret_key),
            algorithms=[ALGORITHM],
            audience=audience(),
            leeway=LEEWAY,
            options={"require": list(CLAIMS), "strict_aud": True},
        )
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise TokenError from error
    row: ApiToken | None = db.session.scalar(ApiToken.called(claims["jti"]))
    if row is None or claims["sub"] != str(row.user_id):
        raise TokenError
    if row.state != "active" or not row.user.active:
        raise TokenError
    return row


def note_use(row: ApiToken, address: str) -> None:
    """Say when and from where it was used last: a write a minute at most. Commits."""
    now = utcnow()
    if row.used_at is None or now - row.used_at > NOTE_USE:
        row.used_at, row.used_from = now, address
        db.session.commit()


def revoke(row: ApiToken) -> None:
    row.revoked_at = row.revoked_at or utcnow()


def revoke_all(user: User) -> int:
    """Every token of the user that still opens something; return how many. The caller commits."""
    hold(user)  # after it, and by a locking read, nobody's fresh token is overlooked
    rows = db.session.scalars(ApiToken.active_of(user).with_for_update(of=ApiToken)).all()
    for row in rows:
        revoke(row)
    return len(rows)


def audience() -> str:
    """A copy of the production database, with its secrets, must not take production's tokens."""
    return f"belldesk-api:{config().env}"


@lru_cache(maxsize=4)
def key(secret: str) -> bytes:
    """Derived, so that nothing else that is signed with the application's secret is a token."""
    return HKDF(SHA256(), 32, salt=None, info=b"belldesk api tokens").derive(secret.encode())


def config() -> Config:
    found: Config = current_app.extensions["belldesk"]
    return found
