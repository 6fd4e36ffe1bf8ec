"""An unknown phone becomes one of ours; its first line may come with it."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import PasswordField, SelectField, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from provisioning.formats import control_refusal
from provisioning.registry import Model, registry
from provisioning.render import carriable
from webapp.extensions import db
from webapp.forms import model_choices, server_choices, site_choices, stripped
from webapp.models import Line, Phone, Stray

CARRIED = ("user", "password", "display_name")


class AdoptForm(FlaskForm):
    model = SelectField(_l("Model"), [InputRequired(_l("Choose the model"))])
    site_id = SelectField(_l("Site"), [InputRequired(_l("Choose the site"))], coerce=int)
    label = StringField(
        _l("Label"),
        [Length(max=200)],
        filters=[stripped],
        description=_l("A name for people: whose phone, which room"),
    )
    user = StringField(_l("Extension (user)"), [Length(max=100)], filters=[stripped])
    password = PasswordField(_l("Password"), [Length(max=128)])
    display_name = StringField(_l("Display name"), [Length(max=200)], filters=[stripped])
    sip_server_id = SelectField(_l("SIP server"), coerce=int, validate_choice=False)

    def __init__(self, stray: Stray, **named: Any) -> None:
        super().__init__(
            data={
                "model": stray.model,
                "site_id": stray.site_id or 0,
                "sip_server_id": usual_server(stray.site_id),
            },
            **named,
        )
        self.mac = stray.mac
        self.model.choices = [("", _("Choose the model")), *model_choices(stray.vendor)]
        sites = site_choices()
        self.site_id.choices = sites if stray.site_id else [(0, _("Choose the site")), *sites]
        self.servers = server_choices()
        self.sip_server_id.choices = self.servers or [(0, _("There is no SIP server yet"))]

    @property
    def has_line(self) -> bool:
        return bool(self.user.data or self.password.data or self.display_name.data)

    def validate_model(self, field: SelectField) -> None:
        maker, chosen = registry().vendor_of(self.mac), registry().models.get(field.data)
        if maker and chosen and maker is not chosen.vendor:
            raise ValidationError(
                _("This address belongs to %(vendor)s, the model does not", vendor=maker.name)
            )

    def validate_site_id(self, field: SelectField) -> None:
        if not field.data:
            raise ValidationError(_("Choose the site"))

    def validate_label(self, field: StringField) -> None:
        if reason := control_refusal(field.data):
            raise ValidationError(_(reason))

    def validate(self, extra_validators: Any = None) -> bool:
        good = bool(super().validate(extra_validators))
        model = registry().models.get(self.model.data or "")
        return not (self.has_line and model and not self.line_fits(model)) and good

    def line_fits(self, model: Model) -> bool:
        wrong = {
            name: reason for name in CARRIED if (reason := carriable(model, self[name].data or ""))
        }
        for name, words in (
            ("user", _("Type the extension")),
            ("password", _("A new line needs its password")),
        ):
            if not self[name].data:
                wrong[name] = words
        if self.sip_server_id.data not in dict(self.servers):
            wrong["sip_server_id"] = _("Choose a SIP server")
        for name, words in wrong.items():
            self[name].errors = [*self[name].errors, _(words)]
        return not wrong


def usual_server(site_id: int | None) -> int | None:
    """The SIP server of the newest line at this site."""
    query = select(Line.sip_server_id).join(Phone, Phone.id == Line.phone_id)
    newest = query.where(Phone.site_id == site_id).order_by(Line.id.desc()).limit(1)
    return db.session.scalar(newest)
