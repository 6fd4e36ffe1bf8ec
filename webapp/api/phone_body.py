"""A phone as JSON, made into the form of its page: one validation for both."""

from collections.abc import Iterator, Mapping
from typing import Any

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from webapp.api import named, reading
from webapp.api.errors import ApiError
from webapp.models import Phone
from webapp.phones.forms import MOST_LINES, PhoneForm, data_of

FIELDS = ("mac", "model", "site", "profile", "label", "lines")
LINE = ("number", "user", "password", "auth_user", "display_name", "label", "server")
WORDS = ("user", "password", "auth_user", "display_name", "label")
# What the form calls them.
NAMES = {"site_id": "site", "profile_id": "profile", "sip_server_id": "server"}


def form_of(phone: Phone | None, sent: Mapping[str, Any]) -> PhoneForm:
    """What is not sent stays as it is; `lines`, when sent, are all the lines there shall be."""
    wanted: dict[str, Any] = data_of(phone) if phone else {"profile_id": 0, "lines": []}
    wanted |= {name: reading.text(sent, name) for name in ("mac", "label") if name in sent}
    if "model" in sent:
        wanted["model"] = named.model(sent["model"])
    if "site" in sent:
        wanted["site_id"] = named.site(sent["site"]).id
    if "profile" in sent:
        chosen = sent["profile"]
        wanted["profile_id"] = 0 if chosen in (None, "") else named.profile(chosen).id
    if "lines" in sent:
        wanted["lines"] = lines_of(
            wanted["lines"], reading.objects(sent, "lines", dict, MOST_LINES)
        )
    return PhoneForm(phone, formdata=MultiDict(pairs(wanted)), meta={"csrf": False})


def lines_of(present: list[dict[str, Any]], sent: list[Any]) -> list[dict[str, Any]]:
    """A line of a number that is there already keeps what is not sent, its password too."""
    known = {line["number"]: line for line in present}
    found = []
    for index, line in enumerate(sent):
        where = f"lines[{index}]."
        reading.only(line, LINE, where)
        number = line.get("number", index + 1)
        if isinstance(number, bool) or not isinstance(number, int):
            raise ApiError(422, _("A whole number is needed"), field=where + "number")
        wanted = {**known.get(number, {}), "number": number}
        wanted |= {name: reading.text(line, name, where) for name in WORDS if name in line}
        if "server" in line:
            wanted["sip_server_id"] = named.server(line["server"], where + "server").id
        found.append(wanted)
    return found


def pairs(wanted: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """As a browser would send the page's form."""
    for name, value in wanted.items():
        if name == "lines":
            for index, line in enumerate(value):
                yield from ((f"lines-{index}-{key}", said(cell)) for key, cell in line.items())
        elif value is not False:  # a box that is not ticked is not sent
            yield name, said(value)


def said(value: object) -> str:
    return "" if value is None else str(value)


def refusal(form: PhoneForm) -> ApiError:
    field, words = next(problems(form), ("", _("That could not be accepted")))
    return ApiError(422, words, field=field)


def problems(form: PhoneForm) -> Iterator[tuple[str, str]]:
    """Where in the JSON it is wrong, and why."""
    for field in form:
        if field.name != "lines" and field.errors:
            yield NAMES.get(field.name, field.name), str(field.errors[0])
    for index, entry in enumerate(form.lines):
        for name, field in entry.form._fields.items():
            if field.errors:
                yield f"lines[{index}].{NAMES.get(name, name)}", str(field.errors[0])
