from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, SelectField, SelectMultipleField, StringField
from wtforms.validators import Length, ValidationError

from webapp import names
from webapp.extensions import db
from webapp.models import PERMISSIONS, Department, User

ENTITIES = {
    "phones": _l("Phones"),
    "sites": _l("Sites"),
    "settings": _l("Settings"),
    "computers": _l("Computers"),
    "logs": _l("Logs"),
    "users": _l("Users"),
    "departments": _l("Departments"),
    "signins": _l("Sign-ins"),
    "audit": _l("Audit"),
}
ACTIONS = {
    "read": _l("See"),
    "write": _l("Change"),
    "provision": _l("Provision"),
    "reveal": _l("Show secrets"),
    "control": _l("Control"),
}


def one_line(text: str | None) -> str:
    return " ".join((text or "").split())


class UserForm(FlaskForm):
    name = StringField(_l("User name"), filters=[names.normal])
    full_name = StringField(
        _l("Full name"),
        filters=[one_line],
        validators=[Length(max=100, message=_l("At most 100 characters"))],
    )
    department = SelectField(_l("Department"), coerce=int)
    is_admin = BooleanField(_l("Administrator"))
    user: User | None = None

    def validate_name(self, field: Field) -> None:
        if reason := names.weakness(field.data):
            raise ValidationError(reason)
        others = db.session.scalars(User.called(field.data))
        if any(self.user is None or other.id != self.user.id for other in others):
            raise ValidationError(_l("This name is taken"))

    def validate_full_name(self, field: Field) -> None:
        if not field.data.isprintable():
            raise ValidationError(_l("This contains a character that cannot be seen"))


class DepartmentForm(FlaskForm):
    name = StringField(_l("Name"), filters=[one_line, names.normal])
    permission = SelectMultipleField(_l("Rights"), choices=list(PERMISSIONS))
    department: Department | None = None

    def validate_name(self, field: Field) -> None:
        if not field.data or len(field.data) > 50 or not field.data.isprintable():
            raise ValidationError(_l("A name of 1 to 50 visible characters is needed"))
        others = db.session.scalars(Department.called(field.data))
        if any(self.department is None or other.id != self.department.id for other in others):
            raise ValidationError(_l("This name is taken"))


def matrix() -> list[tuple[object, list[tuple[object, str]]]]:
    """Rows of the table of rights: the entity, then per action its permission, "" for none."""
    return [
        (title, [(word, f"{entity}.{action}" if f"{entity}.{action}" in PERMISSIONS else "")
                 for action, word in ACTIONS.items()])
        for entity, title in ENTITIES.items()
    ]  # fmt: skip
