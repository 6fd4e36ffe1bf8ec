from zoneinfo import available_timezones

from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import Field, PasswordField, SelectField
from wtforms.validators import DataRequired, EqualTo, ValidationError

from webapp import access
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
