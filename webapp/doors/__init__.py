"""The machine doors: phones (bare WSGI, before Flask) and, later, agents."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from provisioning.registry import registry
from webapp.config import Config
from webapp.doors.fetch_log import FetchLog
from webapp.doors.lookup import StoredPhones
from webapp.doors.phones import PhonesDoor, Switch
from webapp.extensions import db


def mount(app: Flask) -> Flask:
    """Put the machine doors that this process opens in front of the pages."""
    config: Config = app.extensions["belldesk"]
    if "phones" in config.doors:
        hops = config.trusted_proxies
        door = phones_door(app)
        behind = ProxyFix(door, hops, hops, hops, hops) if hops else door
        app.wsgi_app = Switch(behind, app.wsgi_app)  # type: ignore[method-assign]
    return app


def phones_door(app: Flask) -> PhonesDoor:
    """Return the application's door for phones, made once; it costs nothing until it is used."""
    found: PhonesDoor | None = app.extensions.get("phones_door")
    if found is None:
        registry()  # read before there are threads: each of them would start to read it
        with app.app_context():
            fetch_log = FetchLog(db.engine)
        config: Config = app.extensions["belldesk"]
        found = PhonesDoor(
            StoredPhones(config.url),
            app.extensions["secretbox"],
            fetch_log,
            config.secret_key,
            config.client_cert_header if config.trusted_proxies else "",
        )
        app.extensions["phones_door"] = found
    return found
