"""Point phones here: what to paste into a site's DHCP server, with its key only on purpose."""

from dataclasses import dataclass

from flask import Response, abort, make_response, request
from flask.typing import ResponseReturnValue

from provisioning.dhcp import SERVERS, DhcpError, configuration
from webapp import audit, htmx, provision
from webapp.access import confirmed, needs
from webapp.extensions import db
from webapp.i18n import said
from webapp.models import Site
from webapp.sites.routes import bp

HIDDEN = "••••••••"
FIRST = next(iter(SERVERS))


@dataclass(frozen=True, slots=True)
class Card:
    """`text` is to be pasted, or "" where `trouble` says in words why there is none."""

    server: str
    servers: list[tuple[str, str]]
    file: str
    text: str
    trouble: str
    shown: bool


@bp.app_template_global("dhcp_card")
def card(site: Site, shown: bool = False, server: str = FIRST) -> Card:
    text, trouble = "", ""
    try:
        text = written(site, server, shown)
    except DhcpError as error:
        trouble = said(error)
    names = [(key, found.name) for key, found in SERVERS.items()]
    return Card(server, names, SERVERS[server].file, text, trouble, shown)


def written(site: Site, server: str, shown: bool) -> str:
    """The configuration; "" while nobody said how phones reach us."""
    url = provision.site_url(site)
    if not url:
        return ""
    if shown:
        return configuration(server, url, f"Belldesk: {site}")
    stand_in = "X" * len(site.key)
    text = configuration(server, url.replace(site.key, stand_in), f"Belldesk: {site}")
    for spelling in (stand_in, octets(stand_in)):
        text = text.replace(spelling, HIDDEN)
    return text


def octets(text: str) -> str:
    """As Windows takes option 43."""
    return ",".join(f"0x{octet:02X}" for octet in text.encode())


def chosen() -> str:
    wanted = request.values.get("server", FIRST)
    return wanted if wanted in SERVERS else abort(404)


@bp.get("/<int:site_id>/dhcp")
@needs("sites.read")
def dhcp(site_id: int) -> ResponseReturnValue:
    site = db.get_or_404(Site, site_id)
    return page(site, card(site, False, chosen()))


@bp.post("/<int:site_id>/dhcp")
@needs("phones.reveal")
@confirmed
def dhcp_shown(site_id: int) -> ResponseReturnValue:
    """With the key, on the page or as a file."""
    site, server = db.get_or_404(Site, site_id), chosen()
    audit.record("reveal", "Site", site.id, str(site), {"secret": "key", "for": server})
    db.session.commit()
    found = card(site, True, server)
    if "download" not in request.form or not found.text:
        return page(site, found)
    response = make_response(found.text)
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="{found.file}"'
    return response


def page(site: Site, found: Card) -> Response:
    return htmx.render("sites/dhcp.html", "sites/_dhcp_card.html", site=site, dhcp=found)
