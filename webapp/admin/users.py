"""Users: who may sign in, and as what."""

from typing import Any

from flask import flash, redirect, render_template, request
from flask import url_for as url
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import Executable

from webapp import access, htmx
from webapp.access import confirmed, needs
from webapp.admin import services
from webapp.admin.blueprint import bp
from webapp.admin.forms import UserForm
from webapp.admin.services import Account
from webapp.extensions import db, utcnow
from webapp.models import ApiToken, Department, SignIn, User, UserSession
from webapp.paging import Key, page_of

BY_NAME = (Key(User.name, "name"), Key(User.id, "id"))


@bp.get("/users")
@needs("users.read")
def users() -> ResponseReturnValue:
    words = request.args.get("q", "")[:100]
    page = page_of(User.by_name(words).order_by(None), BY_NAME)
    ids = [user.id for user in page.rows]
    last = pairs(SignIn.last_of(ids))
    since = utcnow() - access.session_lifetime()
    present = pairs(UserSession.count_open(since))
    return htmx.render(
        "admin/users.html", "admin/_users.html", found=page, q=words, last=last, present=present
    )


def pairs(query: Executable) -> dict[int, Any]:
    return {row[0]: row[1] for row in db.session.execute(query)}


def form_for(user: User | None = None) -> UserForm:
    form = UserForm(obj=user)
    form.user = user
    present = user.department if user else None
    choices = [
        (one.id, one.name)
        for one in db.session.scalars(Department.by_name())
        if one == present or services.may_grant(current_user, one)
    ]
    form.department.choices = [(0, _("none: no rights")), *choices]
    if request.method == "GET":
        form.department.data = present.id if present else 0
    if not current_user.is_admin:
        del form.is_admin
    return form


def account_of(form: UserForm) -> Account:
    chosen = form.department.data
    return Account(
        form.name.data,
        form.full_name.data,
        db.session.get(Department, chosen) if chosen else None,
        bool(form.is_admin and form.is_admin.data),
    )


@bp.get("/users/new")
@needs("users.write")
def new_user() -> ResponseReturnValue:
    return render_template("admin/user_new.html", form=form_for())


@bp.post("/users")
@needs("users.write")
@confirmed
def create_user() -> ResponseReturnValue:
    form = form_for()
    if not form.validate_on_submit():
        return render_template("admin/user_new.html", form=form), 422
    password = services.temporary_password()
    user = services.create_user(account_of(form), password, current_user)
    db.session.commit()
    return render_template("admin/user_password.html", user=user, password=password, fresh=True)


@bp.get("/users/<int:user_id>")
@needs("users.read")
def edit_user(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    return user_page(user, form_for(user))


def user_page(user: User, form: UserForm, status: int = 200) -> ResponseReturnValue:
    since = utcnow() - access.session_lifetime()
    page = render_template(
        "admin/user_edit.html",
        user=user,
        form=form,
        manageable=current_user.may("users.write") and services.may_manage(user, current_user),
        sessions=db.session.scalars(UserSession.open_of(user, since)).all(),
        api_tokens=db.session.scalars(ApiToken.active_of(user)).all(),
        attempts=db.session.scalars(SignIn.of(user.id).limit(8)).all(),
    )
    return page, status


@bp.post("/users/<int:user_id>")
@needs("users.write")
def update_user(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    services.check_managed(user, current_user)
    form = form_for(user)
    if not form.validate_on_submit():
        return user_page(user, form, 422)
    wanted = account_of(form)
    if raises_rights(user, wanted) and not access.is_confirmed():
        return confirmed(update_user_confirmed)(user_id)
    return update_user_confirmed(user_id)


def raises_rights(user: User, wanted: Account) -> bool:
    return wanted.is_admin != user.is_admin or wanted.department != user.department


def update_user_confirmed(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    form = form_for(user)
    services.edit_user(user, account_of(form), current_user)
    db.session.commit()
    flash(_("%(name)s is saved.", name=user.name), "ok")
    return redirect(url(".edit_user", user_id=user.id), 303)


@bp.post("/users/<int:user_id>/disable")
@needs("users.write")
@confirmed
def disable_user(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    services.disable(user, current_user)
    db.session.commit()
    flash(_("%(name)s is disabled and signed out everywhere.", name=user.name), "ok")
    return redirect(url(".edit_user", user_id=user.id), 303)


@bp.post("/users/<int:user_id>/enable")
@needs("users.write")
@confirmed
def enable_user(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    services.enable(user, current_user)
    db.session.commit()
    flash(_("%(name)s may sign in again.", name=user.name), "ok")
    return redirect(url(".edit_user", user_id=user.id), 303)


@bp.post("/users/<int:user_id>/reset")
@needs("users.write")
@confirmed
def reset_user(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    password = services.reset_password(user, current_user)
    db.session.commit()
    return render_template("admin/user_password.html", user=user, password=password, fresh=False)


@bp.post("/users/<int:user_id>/sessions/end")
@needs("users.write")
def end_sessions(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    services.check_managed(user, current_user)
    services.end_sessions(user)
    db.session.commit()
    flash(_("%(name)s is signed out everywhere.", name=user.name), "ok")
    return redirect(url(".edit_user", user_id=user.id), 303)
