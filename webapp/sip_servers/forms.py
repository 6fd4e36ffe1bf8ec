from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, Length, NumberRange, Optional, ValidationError

from provisioning.errors import SettingError
from provisioning.settings import parse
from webapp.extensions import db
from webapp.forms import stripped
from webapp.i18n import said
from webapp.models import SipServer

INHERITED = _l("Empty: from the settings")


def is_host(form: FlaskForm, field: StringField) -> None:
    try:
        parse("sip.proxy.host", field.data)
    except SettingError as error:
        raise ValidationError(said(error)) from error


class SipServerForm(FlaskForm):
    name = StringField(
        _l("Name"), [DataRequired(_l("Give it a name")), Length(max=100)], filters=[stripped]
    )
    host = StringField(
        _l("Host name or address"),
        [DataRequired(_l("Where do phones register?")), Length(max=253), is_host],
        filters=[stripped],
    )
    port = IntegerField(_l("Port"), [Optional(), NumberRange(1, 65535)], description=INHERITED)
    transport = SelectField(
        _l("Transport"),
        choices=[
            SelectChoice("", _l("from the settings")),
            SelectChoice("udp", "UDP"),
            SelectChoice("tcp", "TCP"),
            SelectChoice("tls", "TLS"),
        ],
    )
    proxy_host = StringField(
        _l("Outbound proxy or SBC"),
        [Length(max=253), is_host],
        filters=[stripped],
        description=INHERITED,
    )
    proxy_port = IntegerField(
        _l("Port of the outbound proxy"), [Optional(), NumberRange(1, 65535)], description=INHERITED
    )
    expires = IntegerField(
        _l("Registration lasts (seconds)"),
        [Optional(), NumberRange(30, 86400)],
        description=INHERITED,
    )

    def __init__(self, server: SipServer | None = None) -> None:
        super().__init__(obj=server)
        self.server = server

    def validate_name(self, field: StringField) -> None:
        twin = db.session.scalar(SipServer.named(field.data))
        if twin and twin is not self.server:
            raise ValidationError(_("There is already a SIP server of this name"))
