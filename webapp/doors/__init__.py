"""The machine doors: phones and agents, both bare WSGI before Flask."""

from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from provisioning.registry import registry
from webapp.config import Config
from webapp.doors import agents
from webapp.doors.agent_lookup import StoredAgents
from webapp.doors.agents import AgentsDoor
from webapp.doors.fetch_log import FetchLog
from webapp.doors.lookup import StoredPhones
from webapp.doors.phones import PhonesDoor, Switch
from webapp.extensions import db

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def mount(app: Flask) -> Flask:
    """Put the machine doors that this process opens in front of the pages."""
    config: Config = app.extensions["belldesk"]
    if "phones" in config.doors:
        app.wsgi_app = Switch(behind(config, phones_door(app)), app.wsgi_app)  # type: ignore[method-assign]
    if "agents" in config.doors:
        app.wsgi_app = agents.Switch(behind(config, agents_door(app)), app.wsgi_app)  # type: ignore[method-assign]
    return app


def behind(config: Config, door: "WSGIApplication") -> "WSGIApplication":
    """The door behind as many proxies as are trusted."""
    hops = config.trusted_proxies
    return ProxyFix(door, hops, hops, hops, hops) if hops else door


def agents_door(app: Flask) -> AgentsDoor:
    """Return the application's door for agents, made once; it costs nothing until it is used."""
    found: AgentsDoor | None = app.extensions.get("agents_door")
    if found is None:
        config: Config = app.extensions["belldesk"]
        with app.app_context():
            engine = db.engine
        found = AgentsDoor(
            app,
            StoredAgents(config.url),
            app.extensions["secretbox"],
            engine,
            config.agents_waiting,
        )
        app.extensions["agents_door"] = found
    return found


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
            config.certificate_header,
        )
        app.extensions["phones_door"] = found
    return found
