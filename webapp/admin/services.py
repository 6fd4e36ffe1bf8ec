"""What administrators do to accounts and departments, and what nobody may do.

Nobody gains by these verbs a right that he does not hold: neither by granting it, nor by taking
over an account that holds it.
"""

import secrets
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from webapp import tokens
from webapp.extensions import db
from webapp.models import PERMISSIONS, Department, User, UserSession
from webapp.passwords import hash_password

# No letters and digits that are read for one another: these are told by telephone.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
SEEDS = {
    "commercial": {"phones.read"},
    "management": set(PERMISSIONS),
    "support": {
        name
        for name in PERMISSIONS
        if name.startswith(("phones.", "sites.", "settings.", "computers.", "logs."))
    },
    "developer": set[str](),
}


class RefusedError(Exception):
    """Against a rule; the message says which, in the reader's language."""


class NotYoursError(RefusedError):
    """Would give somebody a right that the one who does it lacks."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the form of a user says."""

    name: str
    full_name: str = ""
    department: Department | None = None
    is_admin: bool = False

    @property
    def department_id(self) -> int | None:
        return self.department.id if self.department else None


def temporary_password() -> str:
    """Ninety-odd bits in groups that can be read aloud: k7mp-3xwd-…"""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(5))


def create_user(account: Account, password: str, by: User | None = None) -> User:
    """Add a user who must choose an own password first. `by` None: the command line."""
    check_grant(by, account.department, account.is_admin)
    user = User(
        name=account.name,
        full_name=account.full_name,
        department=account.department,
        department_id=account.department_id,
        is_admin=account.is_admin,
        password_hash=hash_password(password),
        must_change_password=True,
    )
    db.session.add(user)
    flush_name()
    return user


def edit_user(user: User, account: Account, by: User | None = None) -> None:
    check_managed(user, by)
    if account.department != user.department or account.is_admin != user.is_admin:
        check_grant(by, account.department, account.is_admin)
    demoted = user.is_admin and not account.is_admin
    if demoted:
        hold_administrators()
    user.name, user.full_name = account.name, account.full_name
    user.department, user.is_admin = account.department, account.is_admin
    user.department_id = account.department_id  # the audit looks before the flush sets it
    flush_name()
    if demoted:
        check_one_is_left()


def reset_password(user: User, by: User | None = None) -> str:
    """Give the user a new password for one use, end all sessions and revoke all tokens."""
    if by is not None and user.id == by.id:
        raise RefusedError(_("Change your own password on the page of your account"))
    check_managed(user, by)
    password = temporary_password()
    user.password_hash = hash_password(password)
    user.must_change_password = True
    end_sessions(user)
    tokens.revoke_all(user)
    return password


def disable(user: User, by: User | None = None) -> None:
    if by is not None and user.id == by.id:
        raise RefusedError(_("You cannot disable yourself"))
    check_managed(user, by)
    if user.is_admin:
        hold_administrators()
    user.active = False
    end_sessions(user)
    tokens.revoke_all(user)
    db.session.flush()
    check_one_is_left()


def enable(user: User, by: User | None = None) -> None:
    check_managed(user, by)
    user.active = True


def end_sessions(user: User) -> None:
    db.session.execute(UserSession.end_all(user))


def rights_of(user: User) -> frozenset[str]:
    if user.is_admin:
        return frozenset(PERMISSIONS)
    return user.department.permissions if user.department else frozenset()


def may_manage(user: User, by: User | None) -> bool:
    if by is None or by.is_admin:
        return True
    return not user.is_admin and rights_of(user) <= rights_of(by)


def may_grant(by: User | None, department: Department | None) -> bool:
    held = frozenset(PERMISSIONS) if by is None else rights_of(by)
    return department is None or department.permissions <= held


def check_managed(user: User, by: User | None) -> None:
    if not may_manage(user, by):
        raise NotYoursError(_("%(name)s holds rights that you do not hold", name=user.name))


def check_grant(by: User | None, department: Department | None, is_admin: bool) -> None:
    if is_admin and by is not None and not by.is_admin:
        raise NotYoursError(_("Only an administrator makes administrators"))
    if not may_grant(by, department):
        raise NotYoursError(_("This department holds rights that you do not hold"))


def check_rights(by: User, old: frozenset[str], new: frozenset[str]) -> None:
    """Both giving and taking a right needs that right."""
    if not (old ^ new) <= rights_of(by):
        raise NotYoursError(_("You can only give and take rights that you hold yourself"))


def hold_administrators() -> None:
    """Lock their rows: two administrators who demote each other must come one after the other."""
    db.session.scalars(User.administrators().with_for_update(of=User)).all()


def check_one_is_left() -> None:
    """After the write, which is what makes SQLite wait for the other writer."""
    if not db.session.scalars(User.administrators().with_for_update(of=User)).all():
        raise RefusedError(_("This is the last active administrator"))


def flush_name() -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        raise RefusedError(_("This name is taken")) from error


def seed_departments() -> None:
    """Make the four departments where there is none yet. Commits; may be called at every start."""
    if db.session.scalar(Department.by_name().limit(1)) is not None:
        return
    for name, rights in SEEDS.items():
        department = Department(name=name)
        department.permissions = rights
        db.session.add(department)
    db.session.commit()
