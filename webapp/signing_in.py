"""Signing in: one row per attempt, written before the password is looked at."""

from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import ngettext

from webapp import passwords, throttle
from webapp.extensions import db
from webapp.models import SignIn, User
from webapp.user_agent import browser_and_os, printable

LONGEST_PASSWORD = 1000  # nobody types more; hashing megabytes would be a gift to an attacker


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where an attempt comes from. `known_device`: this browser was in this account before."""

    address: str
    user_agent: str = ""
    known_device: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """`user` when it worked; else `reason` is a word of SignIn and `wait` seconds to go."""

    user: User | None = None
    reason: str = "ok"
    wait: int = 0

    def words(self) -> str:
        """One sentence for every failure that could tell a stranger which names exist."""
        if self.reason == "throttled":
            return too_many(self.wait)
        if self.reason == "disabled":
            return str(_("This account is disabled. An administrator can enable it again."))
        return str(_("Wrong user name or password."))


def too_many(seconds: int) -> str:
    if seconds < 90:
        wait = ngettext("%(num)s second", "%(num)s seconds", seconds)
    else:
        wait = ngettext("%(num)s minute", "%(num)s minutes", -(-seconds // 60))
    return str(_("Too many wrong passwords. Wait %(time)s, then try again.", time=wait))


def sign_in(name: str, password: str, visitor: Visitor, success: str = "ok") -> Outcome:
    """Check a name and a password. Commits: others must see the attempt while it is checked.

    `success` is the word for the log when it is right.
    """
    name = printable(name, 50)
    if refused := throttle.wait(name, visitor.address, known_device=visitor.known_device):
        return too_early(name, visitor, refused)
    attempt = note(name, visitor, "wrong_password")
    # Those that came at the same moment are seen now, so that a volley is counted too.
    if refused := throttle.wait(name, visitor.address, attempt.id, visitor.known_device):
        attempt.reason = "throttled"
        db.session.commit()
        return Outcome(reason="throttled", wait=refused.seconds)
    user = db.session.scalar(User.named(name))
    attempt.user_id = user.id if user else None
    attempt.reason = verdict(user, password[:LONGEST_PASSWORD])
    attempt.success = attempt.reason == "ok"
    outcome = Outcome(user if attempt.success else None, attempt.reason)
    attempt.reason = success if attempt.success else attempt.reason
    db.session.commit()
    return outcome


def verdict(user: User | None, password: str) -> str:
    """Hash in every case, so that time does not tell which names exist."""
    right = passwords.matches(user.password_hash if user else passwords.NOBODY, password)
    if user is None:
        return "unknown_user"
    if not right:
        return "wrong_password"
    if not user.active:
        return "disabled"
    if passwords.outdated(user.password_hash):
        user.password_hash = passwords.hash_password(password)
    return "ok"


def too_early(name: str, visitor: Visitor, refused: throttle.Wait) -> Outcome:
    if not throttle.is_noted(refused):
        note(name, visitor, "throttled")
    return Outcome(reason="throttled", wait=refused.seconds)


def note(name: str, visitor: Visitor, reason: str) -> SignIn:
    browser, system = browser_and_os(visitor.user_agent)
    row = SignIn(
        name=name,
        address=visitor.address,
        success=False,
        reason=reason,
        user_agent=printable(visitor.user_agent, 300),
        browser=browser,
        os=system,
    )
    db.session.add(row)
    db.session.commit()
    return row
