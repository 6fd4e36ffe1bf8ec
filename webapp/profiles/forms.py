from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired, Length, ValidationError

from webapp.extensions import db
from webapp.forms import stripped
from webapp.models import Profile


class ProfileForm(FlaskForm):
    name = StringField(
        _l("Name"),
        [DataRequired(_l("Give it a name")), Length(max=100)],
        filters=[stripped],
        description=_l("Such as “Reception” or “Call centre”"),
    )

    def __init__(self, profile: Profile | None = None) -> None:
        super().__init__(obj=profile)
        self.profile = profile

    def validate_name(self, field: StringField) -> None:
        twin = db.session.scalar(Profile.named(field.data))
        if twin and twin is not self.profile:
            raise ValidationError(_("There is already a profile of this name"))
