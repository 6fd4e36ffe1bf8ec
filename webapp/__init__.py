"""The web application: Flask, database, pages. The only package that knows all the others."""

import hashlib
import logging
from functools import cache
from importlib import import_module
from pathlib import Path

from flask import Flask, url_for
from werkzeug.middleware.proxy_fix import ProxyFix

from webapp import access, audit, errors, fleet, i18n, incoming, menu, security
from webapp.config import ROOT, Config
from webapp.extensions import csrf, db, login_manager, migrate
from webapp.secretbox import SecretBox

FEATURES = (
    "account",
    "admin",
    "adopt",
    "alerts",
    "api",
    "auth",
    "computers",
    "control",
    "desk",
    "files",
    "firmware",
    "imports",
    "logs",
    "phones",
    "profiles",
    "runs",
    "selftest",
    "settings",
    "setup",
    "sip_servers",
    "sites",
    "walk_in",
)


def create_app(config: Config | None = None) -> Flask:
    """Build the application. Everything that exists once per process is created here."""
    config = config or Config.from_environment()
    app = Flask(
        __name__,
        template_folder=ROOT / "templates",
        static_folder=ROOT / "static",
        instance_path=str(config.instance),
    )
    configure(app, config)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(Path(__file__).parent / "migrations"))
    login_manager.init_app(app)
    csrf.init_app(app)
    i18n.init_app(app)
    security.init_app(app)
    errors.init_app(app)
    incoming.init_app(app)
    menu.init_app(app)
    app.jinja_env.globals.update(asset=asset, may=access.may, config_env=config.env)
    app.jinja_env.globals.update(html_language=i18n.html_language)
    app.jinja_env.globals.update(silent_for=fleet.silent_for, firmware_advice=fleet.advice_of)
    app.jinja_env.add_extension("jinja2.ext.do")
    if "people" in config.doors:
        for feature in FEATURES:
            app.register_blueprint(import_module(f"webapp.{feature}.routes").bp)
    if config.trusted_proxies:
        hops = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, hops, hops, hops, hops)  # type: ignore[method-assign]
    return app


def configure(app: Flask, config: Config) -> None:
    app.extensions["belldesk"] = config
    app.extensions["secretbox"] = SecretBox(config.keys, config.keys_file)
    app.config.from_mapping(
        SECRET_KEY=config.secret_key,
        SQLALCHEMY_DATABASE_URI=config.url,
        # Without the parameters: an error with them in it would be a secret in a log.
        SQLALCHEMY_ENGINE_OPTIONS={"pool_pre_ping": True, "hide_parameters": True},
        PERMANENT_SESSION_LIFETIME=config.session_lifetime,
        SESSION_COOKIE_NAME="belldesk",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=config.secure_cookies,
        WTF_CSRF_TIME_LIMIT=None,
        MAX_CONTENT_LENGTH=25 * 1024 * 1024,
        TEMPLATES_AUTO_RELOAD=config.env == "dev",
        TESTING=config.env == "test",
    )
    logging.getLogger("belldesk").setLevel(logging.INFO)


def asset(name: str) -> str:
    """Address of a static file that changes with its content, so it may be cached for a year."""
    return url_for("static", filename=name, v=version(name))


@cache
def version(name: str) -> str:
    return hashlib.sha256((ROOT / "static" / name).read_bytes()).hexdigest()[:10]


__all__ = ["audit", "create_app"]
