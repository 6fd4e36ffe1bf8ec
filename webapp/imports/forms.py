from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from webapp.extensions import db
from webapp.forms import model_choices, server_choices, site_choices
from webapp.imports.overrides import Override
from webapp.imports.services import Choices
from webapp.models import SipServer, Site

FROM_SHEET = "-"  # sent for "as the sheet says", where "" leaves a choice as it is
ENCODINGS = ("utf-8", "cp1252", "utf-16", "cp1251")


class ChoicesForm(FlaskForm):
    """What rows get that do not name their own."""

    model = SelectField(_l("Model"), validators=[Optional()])
    site = SelectField(_l("Site"), coerce=int, validators=[Optional()])
    sip_server = SelectField(_l("SIP server"), coerce=int, validators=[Optional()])

    def fill(self) -> None:
        unsaid = _l("From the sheet")
        self.model.choices = [("", unsaid), *model_choices()]
        self.site.choices = [(0, unsaid), *site_choices()]
        self.sip_server.choices = [(0, unsaid), *server_choices()]

    def chosen(self) -> Choices:
        return Choices(
            model=self.model.data or "",
            site=db.session.get(Site, self.site.data or 0),
            sip_server=db.session.get(SipServer, self.sip_server.data or 0),
            encoding=self.encoding.data or "" if "encoding" in self else "",
        )


class UploadForm(ChoicesForm):
    sheet = FileField(
        _l("List of phones"),
        validators=[FileRequired(_l("Choose a file first"))],
        render_kw={"accept": ".csv,.txt,.tsv,.xlsx"},
    )


class PreviewForm(ChoicesForm):
    encoding = SelectField(
        _l("Encoding"),
        choices=[
            SelectChoice("", _l("Recognised")),
            *(SelectChoice(name, name.upper()) for name in ENCODINGS),
        ],
        validators=[Optional()],
    )


class RowsForm(FlaskForm):
    """What the chosen rows get, whatever they name themselves."""

    model = SelectField(_l("Model"), validators=[Optional()])
    site = SelectField(_l("Site"), validators=[Optional()])
    server = SelectField(_l("SIP server"), validators=[Optional()])

    def fill(self, several: bool) -> None:
        first = [("", _l("As it is"))] if several else []
        first.append((FROM_SHEET, _l("From the sheet")))
        self.model.choices = [*first, *model_choices()]
        self.site.choices = [*first, *((str(number), name) for number, name in site_choices())]
        servers = ((str(number), name) for number, name in server_choices())
        self.server.choices = [*first, *servers]

    def show(self, own: Override) -> None:
        self.model.data = own.model or FROM_SHEET
        self.site.data = str(own.site.id) if own.site else FROM_SHEET
        self.server.data = str(own.server.id) if own.server else FROM_SHEET

    def changes(self) -> dict[str, Any]:
        """What was chosen, as `services.choose_rows` wants it."""
        found: dict[str, Any] = {}
        for field in (self.model, self.site, self.server):
            if field.data == FROM_SHEET:
                found[field.name] = None
            elif field.data:
                found[field.name] = field.data if field is self.model else int(field.data)
        return found
