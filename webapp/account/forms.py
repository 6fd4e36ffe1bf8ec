from zoneinfo import available_timezones

from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import Field, PasswordField, SelectField, StringField
from wtforms.validators import DataRequired, EqualTo, Length, ValidationError

from webapp import access
from webapp.forms import stripped
from webapp.models.token import LONGEST_NAME
from webapp.passwords import weakness


class PasswordForm(FlaskForm):
    old = PasswordField(_l("Present password"), validators=[DataRequired(_l("Type it"))])
    new = PasswordField(_l("New password"), validators=[DataRequired(_l("Type a new password"))])
    again = PasswordField(
        _l("New password, again"),
        validators=[EqualTo("new", _l("The two new passwords differ"))],
    )

    def validate_old(self, field: Field) -> None:
        outcome = access.confirm(field.data)
        if outcome.reason == "throttled":
            raise ValidationError(outcome.words())
        if outcome.user is None:
            raise ValidationError(_l("This is not your present password"))

    def validate_new(self, field: Field) -> None:
        if reason := weakness(field.data, current_user.name):
            raise ValidationError(reason)
        if field.data == self.old.data:
            raise ValidationError(_l("The new password is the present one"))


class TimeZoneForm(FlaskForm):
    time_zone = SelectField(_l("Time zone"), choices=sorted(available_timezones()))


class TokenForm(FlaskForm):
    name = StringField(
        _l("What it is for"),
        [DataRequired(_l("Say what it is for, so that you know later which one to revoke")),
         Length(max=LONGEST_NAME, message=_l("At most 60 characters"))],
        filters=[stripped],
    )  # fmt: skip

    def validate_name(self, field: Field) -> None:
        if not field.data.isprintable():
            raise ValidationError(_l("This contains a character that cannot be seen"))
