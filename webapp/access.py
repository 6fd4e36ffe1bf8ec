"""Who may call a view. Every view carries exactly one of `@needs(...)`, `@signed_in`, `@public`."""

import hashlib
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import ParamSpec

from flask import abort, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user

from webapp import device, htmx
from webapp.extensions import db, login_manager, utcnow
from webapp.models import PERMISSIONS, User, UserSession
from webapp.signing_in import Outcome, Visitor, sign_in

P = ParamSpec("P")
View = Callable[P, ResponseReturnValue]
CONFIRMED_SECONDS = 5 * 60
NOTE_SEEN = timedelta(minutes=1)  # how exact a session's last use is: a write a minute at most


@login_manager.user_loader
def load_user(token: str) -> User | None:
    """The cookie holds a session's token, not a user's id: what was ended stays ended."""
    found = db.session.scalar(UserSession.open(digest(token), utcnow() - session_lifetime()))
    if found is None or not found.user.active:
        return None
    if utcnow() - found.seen_at > NOTE_SEEN:
        found.seen_at = utcnow()
        db.session.commit()
    g.user_session = found
    return found.user


def session_lifetime() -> timedelta:
    lifetime: timedelta = current_app.config["PERMANENT_SESSION_LIFETIME"]
    return lifetime


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def open_session(user: User) -> None:
    """Sign `user` in under a fresh session, so that a planted cookie is worth nothing."""
    kept = {key: session[key] for key in ("language", "theme") if key in session}
    session.clear()
    session.update(kept)
    token = secrets.token_urlsafe(32)
    db.session.add(
        UserSession(
            digest=digest(token),
            user=user,
            address=request.remote_addr or "",
            user_agent=request.user_agent.string[:300],
        )
    )
    user.session_token = token
    login_user(user)
    session.permanent = True
    session["confirmed_at"] = time.time()


def close_session() -> None:
    """End the session on our side too; a copy of the cookie no longer opens anything."""
    if current_user.is_authenticated:  # asking loads the session, also in a public view
        g.user_session.ended_at = utcnow()
    logout_user()
    session.clear()


def guard(view: View[P], allowed: Callable[[], bool], mark: str) -> View[P]:
    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if not current_user.is_authenticated:
            return to_sign_in()
        if current_user.must_change_password and request.endpoint not in UNTIL_CHANGED:
            return htmx.go(url_for("account.password"))
        if not allowed():
            abort(403)
        return view(*args, **kwargs)

    guarded.__dict__["access"] = mark
    return guarded


UNTIL_CHANGED = frozenset({"account.password", "account.language", "account.theme", "auth.logout"})


def needs(permission: str) -> Callable[[View[P]], View[P]]:
    """Let only users who hold `permission` in; the sign-in page when signed out, 403 otherwise."""
    if permission not in PERMISSIONS:
        raise ValueError(f"unknown permission {permission}")
    return lambda view: guard(view, lambda: bool(current_user.may(permission)), permission)


def signed_in(view: View[P]) -> View[P]:
    """Let everyone in who is signed in: pages about oneself."""
    return guard(view, lambda: True, "signed_in")


def confirmed(view: View[P]) -> View[P]:
    """Ask for the password again unless it was typed within five minutes. Stands below the mark.

    A form is carried through the question and goes on by itself; files are not.
    """

    @wraps(view)
    def asked(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if is_confirmed():
            return view(*args, **kwargs)
        if request.method == "GET":
            return redirect(url_for("auth.confirm", next=request.full_path.rstrip("?")))
        error = ""
        if typed := request.form.get(TYPED, ""):
            outcome = confirm(typed)
            if outcome.user:
                return view(*args, **kwargs)
            error = outcome.words()
        return ask_again(error)

    asked.__dict__["confirmed"] = True
    return asked


def ask_again(error: str) -> ResponseReturnValue:
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in (TYPED, "csrf_token")
    ]
    page = htmx.render(
        "auth/ask_again.html",
        "auth/_ask_again.html",
        422 if htmx.is_fragment() else 403,
        fields=fields,
        typed=TYPED,
        error=error,
    )
    if htmx.is_fragment():
        page.headers["HX-Retarget"], page.headers["HX-Reswap"] = "#modal-body", "innerHTML"
    return page


TYPED = "confirm_password"


def is_confirmed() -> bool:
    stamp = session.get("confirmed_at", 0)
    return isinstance(stamp, float | int) and 0 <= time.time() - stamp < CONFIRMED_SECONDS


def confirm(password: str) -> Outcome:
    """Check the signed-in person's password once more: logged and slowed down like a sign-in."""
    name = current_user.name
    outcome = sign_in(name, password, visitor(name), "confirmed")
    if outcome.user:
        session["confirmed_at"] = time.time()
    return outcome


def visitor(name: str) -> Visitor:
    """Where the person who says to be `name` comes from."""
    agent = request.user_agent.string
    return Visitor(request.remote_addr or "", agent, device.is_known(request, name))


def public(view: View[P]) -> View[P]:
    """Mark a view as open to anyone, on purpose."""
    view.__dict__["access"] = "public"
    return view


def to_sign_in() -> ResponseReturnValue:
    """Send to the sign-in page, which comes back to the page that was wanted."""
    wanted = request.full_path.rstrip("?") if request.method == "GET" else ""
    if htmx.is_fragment():
        wanted = htmx.page_path()
    address = url_for("auth.login", next=wanted) if wanted.strip("/") else url_for("auth.login")
    return htmx.go(address) if htmx.is_fragment() else redirect(address)


def own_path(text: str) -> str:
    """The wanted page if it is a path of ours, else the first page: never another site's address.

    Browsers read `//host` and `/\\host` as another site, and drop tabs and line breaks first.
    """
    ours = text[:1] == "/" and text[1:2] not in ("/", "\\")
    return text if ours and "\\" not in text and text.isprintable() else "/"


def may(permission: str) -> bool:
    """For templates: hide what would be refused."""
    return bool(current_user.is_authenticated and current_user.may(permission))
