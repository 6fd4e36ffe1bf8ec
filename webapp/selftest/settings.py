"""What no attack shows but makes one easier: read from the installation's own settings."""

from collections.abc import Iterator
from typing import Any

from flask import current_app
from sqlalchemy import func, select

from provisioning.errors import N_
from provisioning.networks import parsed
from webapp.config import Config
from webapp.extensions import db, utcnow
from webapp.models import Phone, Site
from webapp.selftest.doors import Doors


def findings(doors: Doors) -> Iterator[dict[str, Any]]:
    yield from ways(doors)
    yield from sites()


def ways(doors: Doors) -> Iterator[dict[str, Any]]:
    config: Config = current_app.extensions["belldesk"]
    yield row(
        "encrypted",
        N_("Phones come over an encrypted way"),
        5,
        doors.encrypted,
        N_("Passwords cross the network as they are, for anyone on the way to read"),
        N_(
            "Put a web server with a certificate in front (docs/deployment.md) and say https:// in"
            " BELLDESK_BASE_URL."
        ),
    )
    if doors.encrypted:
        yield row(
            "trusted",
            N_("The certificate is one that machines trust"),
            3,
            not doors.distrusted,
            N_("This machine does not trust it: %(reason)s"),
            N_("Phones may refuse it too. Have it signed by an authority that they know."),
            reason=doors.distrusted,
        )
    yield row(
        "cookies",
        N_("People's cookies travel encrypted only"),
        3,
        config.secure_cookies,
        N_("A cookie may travel over plain HTTP"),
        N_("Set BELLDESK_SECURE_COOKIES=1 once people come over https."),
    )


def sites() -> Iterator[dict[str, Any]]:
    wide = [str(site) for site in db.session.scalars(Site.by_name()) if is_open_to_all(site)]
    yield row(
        "networks",
        N_("Networks of sites are networks of somebody"),
        5,
        not wide,
        N_("The whole internet is a network of %(sites)s"),
        N_("Write the networks that its phones really come from on the page of the site."),
        sites=", ".join(wide),
    )
    config: Config = current_app.extensions["belldesk"]
    query = Site.by_name().where(Site.certificate_required)
    shut = [] if config.certificate_header else list(db.session.scalars(query))
    yield row(
        "certificates",
        N_("Where certificates are asked for, they arrive"),
        3,
        not shut,
        N_("No phone of %(sites)s gets its file: no proxy hands on the certificates asked for"),
        N_(
            "Set BELLDESK_CLIENT_CERT_HEADER and BELLDESK_TRUSTED_PROXIES (docs/deployment.md), or"
            " ask for no certificates at these sites."
        ),
        sites=", ".join(map(str, shut)),
    )
    unpinned = Phone.armed(), Phone.pinned_network.is_(None)
    armed = db.session.scalar(select(func.count(Phone.id)).where(*unpinned)) or 0
    total = db.session.scalar(select(func.count(Phone.id))) or 0
    yield row(
        "windows",
        N_("Few windows are open"),
        2,
        armed <= max(10, total // 2),
        N_("%(armed)s of %(total)s phones wait for whoever comes first with their site's key"),
        N_("Close the windows of phones that will not come soon: choose them in the list."),
        armed=armed,
        total=total,
    )
    old = db.session.scalar(select(func.count(Site.id)).where(Site.previous_until > utcnow())) or 0
    yield row(
        "old_keys",
        N_("No site's former key still works"),
        1,
        not old,
        N_("At %(sites)s sites the former key works until its time is over"),
        N_("If it was stolen, rotate the key again, without a time in which both work."),
        sites=old,
    )


def row(
    key: str, title: str, weight: int, passed: bool, message: str, remedy: str, **params: object
) -> dict[str, Any]:
    found = {"key": key, "title": title, "site": "", "weight": weight, "passed": passed}
    if passed:
        return found | {"message": "", "params": {}, "remedy": ""}
    return found | {"message": message, "params": params, "remedy": remedy}


def is_open_to_all(site: Site) -> bool:
    return any(network.prefixlen < 8 and network.is_global for network in parsed(site.networks))
