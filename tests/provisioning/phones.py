"""Phones to render in tests."""

from provisioning.model import Line, Phone, Secrets
from provisioning.registry import registry
from provisioning.settings import Layer, effective_server, values

SECRETS = Secrets("Adm1nOfThisPhone", "Us3rOfThisPhone", "471100")
URL = "http://desk.example.net/p/SiteKey/"


def make_phone(key, changes=None, fields=None, numbers=(1,), url=URL, models=None, login=None):
    """`changes` are settings of the phone, `fields` fields of its lines and their server."""
    model = (models or registry()).model(key)
    settings = values((*model.layers(), Layer("phone", changes or {})))
    fields = dict(fields or {})
    overrides = {"proxy_host": fields.pop("proxy_host", None)}
    server = effective_server(fields.pop("host", "pbx.example.net"), overrides, settings)
    lines = tuple(make_line(number, server, **fields) for number in numbers)
    return Phone("0c383e000001", key, lines, settings, SECRETS, url, login)


def make_line(number, server, **fields):
    ramal = str(1000 + number)
    usual = {"user": ramal, "password": f"p&w<{number}", "auth_user": ramal}
    return Line(
        **(usual | {"display_name": "", "label": ""} | fields), number=number, server=server
    )
