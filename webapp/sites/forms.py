import ipaddress
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, Length, NumberRange, Optional, ValidationError

from webapp.extensions import db
from webapp.forms import stripped
from webapp.models import Company, Site
from webapp.models.site import PRIVATE_NETWORKS

CHOSEN = ("policy", "door_auth", "certificate_required", "pace")
OVERLAPS = {"0": 0, "24": 24, "168": 168}


class SiteForm(FlaskForm):
    company_id = SelectField(_l("Company"), coerce=int)
    company = StringField(_l("Name of the new company"), [Length(max=130)], filters=[stripped])
    name = StringField(
        _l("Name of the site"),
        [DataRequired(_l("Give it a name")), Length(max=100)],
        filters=[stripped],
    )
    networks = TextAreaField(
        _l("Networks its phones may ask from"),
        [DataRequired(_l("Name at least one network")), Length(max=4000)],
        description=_l(
            "One a line, such as 10.1.0.0/16. The private networks are the usual choice."
        ),
    )

    policy = RadioField(
        _l("Who gets the files of its phones"),
        choices=[
            SelectChoice("lan", _l(
                "LAN: whoever asks from one of its networks, always. For phones that nobody from"
                " elsewhere can reach."
            )),
            SelectChoice("armed", _l(
                "Armed: a phone is open for a while after it was entered. Who fetches its file"
                " first pins it to that network, and it stays open for that one."
            )),
            SelectChoice("strict", _l(
                "Strict: the key of the site gives no file, only a phone's own address, and only"
                " while the phone is open. Some models cannot be used so."
            )),
        ],
        default="armed",
    )  # fmt: skip
    door_auth = RadioField(
        _l("What a phone must show besides its address, out of its window"),
        choices=[
            SelectChoice("none", _l("Nothing")),
            SelectChoice("basic", _l(
                "Its own name and password (Basic): they can be read on the way, so use HTTPS"
            )),
            SelectChoice("digest", _l("Its own name and password (Digest)")),
        ],
        default="none",
    )  # fmt: skip
    certificate_required = BooleanField(
        _l("Only phones that show the certificate of their maker"),
        description=_l("The proxy in front must ask for it and pass it on, over HTTPS."),
    )

    pace = IntegerField(
        _l("Phones told a minute"),
        [Optional(), NumberRange(1, 6000, message=_l("A number from 1 to 6000, or nothing"))],
        description=_l(
            "So that a thin line is not filled when phones are told to fetch. Empty: the pace of"
            " the installation, for each network."
        ),
    )

    def __init__(self, site: Site | None = None) -> None:
        data: dict[str, Any] = {"networks": "\n".join(PRIVATE_NETWORKS.split())}
        if site:
            data = {"name": site.name, "networks": "\n".join(site.networks.split())}
            data |= {name: getattr(site, name) for name in CHOSEN}
        super().__init__(data=data | {"company_id": site.company_id if site else 0})
        self.site = site
        companies = db.session.scalars(Company.by_name())
        self.company_id.choices = [(0, _("A new one")), *((c.id, c.name) for c in companies)]

    def validate_company(self, field: StringField) -> None:
        if self.company_id.data:
            return
        if not field.data:
            raise ValidationError(_("Choose a company, or name the new one"))
        if db.session.scalar(Company.named(field.data)):
            raise ValidationError(_("This company is already there: choose it above"))

    def validate_name(self, field: StringField) -> None:
        twin = db.session.scalar(Site.named(self.company_id.data or 0, field.data))
        if twin and twin is not self.site:
            raise ValidationError(_("This company already has a site of this name"))

    def validate_networks(self, field: TextAreaField) -> None:
        for number, line in enumerate(field.data.splitlines(), 1):
            for text in line.split():
                try:
                    ipaddress.ip_network(text, strict=False)
                except ValueError as error:
                    words = _(
                        "Line %(number)d: “%(text)s” is no network such as 10.1.0.0/16",
                        number=number,
                        text=text[:50],
                    )
                    raise ValidationError(words) from error


class RotateForm(FlaskForm):
    overlap = RadioField(
        _l("The old address"),
        choices=[
            SelectChoice("168", _l("works for 7 more days")),
            SelectChoice("24", _l("works for 24 more hours")),
            SelectChoice("0", _l("stops at once")),
        ],
        default="168",
    )
