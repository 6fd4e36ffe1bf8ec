"""The first administrator: a link that works once, known only to who started the server."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from flask import current_app

from webapp.config import Config
from webapp.extensions import db
from webapp.models import User
from webapp.passwords import hash_password


def token_file() -> Path:
    config: Config = current_app.extensions["belldesk"]
    return config.instance / "setup-token"


def has_administrator() -> bool:
    return db.session.scalar(User.administrators().limit(1)) is not None


def setup_link(base_url: str) -> str | None:
    """Make a new link, which ends the old one; None once there is an administrator.

    Only the token's SHA-256 is kept, in a file for its owner only.
    """
    file = token_file()
    if has_administrator():
        file.unlink(missing_ok=True)
        return None
    token = secrets.token_urlsafe(20)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(digest(token), encoding="ascii")
    os.replace(draft, file)
    return f"{base_url}/setup/{token}"


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def is_open(token: str) -> bool:
    try:
        kept = token_file().read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return False
    return hmac.compare_digest(kept, digest(token)) and not has_administrator()


def claim() -> bool:
    """Use the link up; False for the second of two who come at the same moment."""
    try:
        token_file().unlink()
    except FileNotFoundError:
        return False
    return True


def create_administrator(name: str, password: str) -> User:
    user = User(name=name, password_hash=hash_password(password), is_admin=True)
    db.session.add(user)
    db.session.flush()
    return user
