from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired


class SignInForm(FlaskForm):
    name = StringField(_l("User name"), validators=[DataRequired(_l("Type your user name"))])
    password = PasswordField(_l("Password"), validators=[DataRequired(_l("Type your password"))])
    next = HiddenField()


class ConfirmForm(FlaskForm):
    password = PasswordField(
        _l("Your password"), validators=[DataRequired(_l("Type your password"))]
    )
    next = HiddenField()
