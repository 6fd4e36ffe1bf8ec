from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field, PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, ValidationError

from webapp import names
from webapp.extensions import db
from webapp.models import User
from webapp.passwords import weakness


class FirstForm(FlaskForm):
    name = StringField(_l("User name"), filters=[names.normal])
    password = PasswordField(_l("Password"), validators=[DataRequired(_l("Choose a password"))])
    again = PasswordField(
        _l("Password, again"), validators=[EqualTo("password", _l("The two passwords differ"))]
    )

    def validate_name(self, field: Field) -> None:
        if reason := names.weakness(field.data):
            raise ValidationError(reason)
        if db.session.scalar(User.called(field.data).limit(1)):
            raise ValidationError(_l("This name is taken"))

    def validate_password(self, field: Field) -> None:
        if reason := weakness(field.data, self.name.data):
            raise ValidationError(reason)
