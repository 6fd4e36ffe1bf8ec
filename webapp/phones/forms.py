"""One phone by hand, with the refusals of the sheet."""

from collections.abc import Iterable, Iterator
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    FieldList,
    Form,
    FormField,
    HiddenField,
    IntegerField,
    PasswordField,
    SelectField,
    StringField,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, ValidationError

from provisioning.errors import ProvisioningError
from provisioning.formats import control_refusal
from provisioning.mac import format_mac, normalise_mac
from provisioning.registry import Model, registry
from provisioning.render import carriable
from webapp.config import MOST_ARMED_HOURS
from webapp.extensions import db
from webapp.forms import (
    models_by_vendor,
    profile_choices,
    server_choices,
    site_choices,
    stripped,
)
from webapp.i18n import said
from webapp.models import Phone
from webapp.selection import number

MOST_LINES = 64
MOST_OVERLAP_DAYS = 30
CARRIED = ("user", "password", "auth_user", "display_name", "label")


class ArmForm(FlaskForm):
    hours = IntegerField(
        _l("Hours"),
        [
            InputRequired(_l("For how many hours?")),
            NumberRange(1, MOST_ARMED_HOURS, _l("From 1 to %(max)s hours")),
        ],
        render_kw={"min": 1, "max": MOST_ARMED_HOURS},
    )


class NewKeyForm(FlaskForm):
    days = IntegerField(
        _l("The old keys work for this many days"),
        [
            InputRequired(_l("For how many days?")),
            NumberRange(0, MOST_OVERLAP_DAYS, _l("From 0 to %(max)s days")),
        ],
        default=7,
        render_kw={"min": 0, "max": MOST_OVERLAP_DAYS},
        description=_l(
            "A phone learns its new key with its next file, which the old key still gives it."
            " 0 stops the old keys at once, for those in wrong hands: then open the windows too."
        ),
    )
    again = BooleanField(
        _l("Also phones whose key before the present one still works"),
        description=_l("They may not have learned the present one yet, and it stops with this."),
    )


class LineForm(Form):
    id = HiddenField()
    number = IntegerField(
        _l("Position"),
        [InputRequired(_l("On which line of the phone?")), NumberRange(1, MOST_LINES)],
        render_kw={"min": 1, "max": MOST_LINES},
    )
    user = StringField(
        _l("Extension (user)"),
        [DataRequired(_l("Type the extension")), Length(max=100)],
        filters=[stripped],
    )
    password = PasswordField(_l("Password"), [Length(max=128)])
    auth_user = StringField(_l("Authentication name"), [Length(max=100)], filters=[stripped])
    display_name = StringField(_l("Display name"), [Length(max=200)], filters=[stripped])
    label = StringField(_l("Label of the key"), [Length(max=200)], filters=[stripped])
    sip_server_id = SelectField(_l("SIP server"), coerce=int)


class Lines(FieldList):
    """Passes over fields whose number is none: `lines-²-user`, or one of 5000 digits."""

    def _extract_indices(self, prefix: str, formdata: Iterable[str]) -> Iterator[int]:
        for name in formdata:
            start, _dash, rest = name.partition("-")
            index = number(rest.partition("-")[0]) if start == prefix else None
            if index is not None:
                yield index


class PhoneForm(FlaskForm):
    mac = StringField(_l("MAC address"), [DataRequired(_l("Type the MAC address")), Length(max=40)])
    model = SelectField(_l("Model"))
    site_id = SelectField(_l("Site"), coerce=int)
    profile_id = SelectField(_l("Profile"), coerce=int)
    label = StringField(
        _l("Label"),
        [Length(max=200)],
        filters=[stripped],
        description=_l("A name for people: whose phone, which room"),
    )
    lines = Lines(FormField(LineForm), max_entries=MOST_LINES)

    def __init__(self, phone: Phone | None = None, **named: Any) -> None:
        super().__init__(data=data_of(phone) if phone else None, **named)
        self.phone = phone
        self.kept = {str(line.id): line.password for line in phone.lines} if phone else {}
        self.model.choices = models_by_vendor()
        self.site_id.choices = site_choices()
        self.profile_id.choices = [(0, _("none")), *profile_choices()]
        self.servers = server_choices()
        self.offer_servers()

    def offer_servers(self) -> None:
        for entry in self.lines:
            entry.form.sip_server_id.choices = self.servers

    def add_line(self) -> None:
        if len(self.lines) >= MOST_LINES:
            return
        taken = {entry.form.number.data for entry in self.lines}
        number = next(n for n in range(1, MOST_LINES + 2) if n not in taken)
        server = self.lines[-1].form.sip_server_id.data if self.lines else None
        self.lines.append_entry({"number": number, "sip_server_id": server})
        self.offer_servers()

    def remove_line(self, index: int) -> None:
        if 0 <= index < len(self.lines.entries):
            del self.lines.entries[index]

    def validate_mac(self, field: StringField) -> None:
        try:
            field.data = normalise_mac(field.data)
        except ProvisioningError as error:
            raise ValidationError(said(error)) from error
        twin = db.session.scalar(Phone.with_mac(field.data))
        if twin and twin is not self.phone:
            raise ValidationError(_("This phone is already there: %(label)s", label=str(twin)))
        vendor, chosen = registry().vendor_of(field.data), registry().models.get(self.model.data)
        if vendor and chosen and vendor is not chosen.vendor:
            raise ValidationError(
                _("This address belongs to %(vendor)s, the model does not", vendor=vendor.name)
            )

    def validate_label(self, field: StringField) -> None:
        if reason := control_refusal(field.data):
            raise ValidationError(_(reason))

    def validate(self, extra_validators: Any = None) -> bool:
        good = bool(super().validate(extra_validators))
        chosen = registry().models.get(self.model.data)
        return bool(chosen and self.lines_fit(chosen)) and good

    def lines_fit(self, model: Model) -> bool:
        """Refuse at the field what could not be rendered, or would be rendered wrong."""
        seen: set[int] = set()
        good = True
        for entry in self.lines:
            for field, words in line_refusals(entry.form, model, seen, self.kept):
                field.errors = [*field.errors, words]
                good = False
            seen.add(entry.form.number.data)
        return good


def line_refusals(
    line: Any, model: Model, seen: set[int], kept: dict[str, str]
) -> Iterator[tuple[Any, str]]:
    for name in CARRIED:
        field = line[name]
        if reason := carriable(model, field.data or ""):
            yield field, f"{field.label.text}: {_(reason)}"
    if not line.password.data and line.id.data not in kept:
        yield line.password, _("A new line needs its password")
    number = line.number.data
    if number in seen:
        yield line.number, _("Two accounts stand on the same line")
    elif number and number > model.lines:
        words = _("%(model)s has %(lines)d lines", model=model.name, lines=model.lines)
        yield line.number, words


def data_of(phone: Phone) -> dict[str, object]:
    names = ("id", "number", "user", "auth_user", "display_name", "label", "sip_server_id")
    return {
        "mac": format_mac(phone.mac),
        "model": phone.model,
        "site_id": phone.site_id,
        "profile_id": phone.profile_id or 0,
        "label": phone.label,
        "lines": [{name: getattr(line, name) for name in names} for line in phone.lines],
    }
