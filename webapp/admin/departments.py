"""Departments: which rights their people hold."""

from flask import flash, redirect, render_template
from flask import url_for as url
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from webapp.access import confirmed, needs
from webapp.admin import services
from webapp.admin.blueprint import bp
from webapp.admin.forms import ACTIONS, DepartmentForm, matrix
from webapp.extensions import db
from webapp.models import Department


@bp.get("/departments")
@needs("departments.read")
def departments() -> ResponseReturnValue:
    return render_template(
        "admin/departments.html",
        departments=db.session.execute(Department.with_people()).all(),
        matrix=matrix(),
    )


def page(form: DepartmentForm, status: int = 200) -> ResponseReturnValue:
    html = render_template(
        "admin/department_edit.html",
        form=form,
        department=form.department,
        matrix=matrix(),
        actions=ACTIONS,
        held=services.rights_of(current_user),
    )
    return html, status


@bp.get("/departments/new")
@needs("departments.write")
def new_department() -> ResponseReturnValue:
    return page(DepartmentForm())


@bp.post("/departments")
@needs("departments.write")
@confirmed
def create_department() -> ResponseReturnValue:
    return save(Department(), DepartmentForm())


@bp.get("/departments/<int:department_id>")
@needs("departments.read")
def edit_department(department_id: int) -> ResponseReturnValue:
    department = db.get_or_404(Department, department_id)
    form = DepartmentForm(name=department.name, permission=sorted(department.permissions))
    form.department = department
    return page(form)


@bp.post("/departments/<int:department_id>")
@needs("departments.write")
@confirmed
def update_department(department_id: int) -> ResponseReturnValue:
    department = db.get_or_404(Department, department_id)
    form = DepartmentForm()
    form.department = department
    return save(department, form)


def save(department: Department, form: DepartmentForm) -> ResponseReturnValue:
    if not form.validate_on_submit():
        return page(form, 422)
    wanted = frozenset(form.permission.data or ())
    services.check_rights(current_user, department.permissions, wanted)
    department.name, department.permissions = form.name.data, wanted
    db.session.add(department)
    services.flush_name()
    db.session.commit()
    flash(_("The department %(name)s is saved.", name=department.name), "ok")
    return redirect(url(".departments"), 303)
