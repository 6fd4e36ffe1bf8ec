"""The sidebar: what the signed-in person may open, and where they are."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, current_app, request, session, url_for
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import Select

from webapp.access import may
from webapp.config import Config
from webapp.extensions import db
from webapp.i18n import LANGUAGES, language
from webapp.models import Agent, Alert, Stray

WAITING: dict[str, Callable[[], Select[int]]] = {
    "adopt.index": Stray.waiting,
    "alerts.index": Alert.waiting,
    "computers.add": Agent.waiting,
}


OWN_ITEMS = ("computers.add", "computers.history")  # beside the item of their blueprint


@dataclass(frozen=True, slots=True)
class Item:
    title: object
    endpoint: str
    icon: str
    permission: str

    @property
    def url(self) -> str:
        return url_for(self.endpoint)

    @property
    def badge(self) -> int:
        """How many things wait there; 0, which is not shown, for most items."""
        return db.session.scalar(WAITING[self.endpoint]()) or 0 if self.endpoint in WAITING else 0

    @property
    def active(self) -> bool:
        """A blueprint is one item, but for logs and admin: there every noun has its own path."""
        if self.endpoint.startswith(("logs.", "admin.")):
            return request.path == self.url or request.path.startswith(f"{self.url}/")
        if request.endpoint in OWN_ITEMS or self.endpoint in OWN_ITEMS:
            return request.endpoint == self.endpoint
        return request.blueprint == self.endpoint.split(".")[0]


@dataclass(frozen=True, slots=True)
class Section:
    title: object
    icon: str
    items: tuple[Item, ...]


MENU = (
    Section(_l("Desk"), "gauge", (Item(_l("Overview"), "desk.index", "gauge", "phones.read"),)),
    Section(
        _l("Phones"),
        "phone",
        (
            Item(_l("Phones"), "phones.index", "phone", "phones.read"),
            Item(_l("Uploads"), "imports.index", "upload", "phones.read"),
            Item(_l("Runs"), "runs.index", "player-play", "phones.read"),
            Item(_l("Adopt"), "adopt.index", "plug", "phones.read"),
            Item(_l("Alerts"), "alerts.index", "bell", "logs.read"),
            Item(_l("Files"), "files.index", "files", "phones.read"),
            Item(_l("Firmware"), "firmware.index", "device-floppy", "phones.read"),
            Item(_l("Sites"), "sites.index", "map-pin", "sites.read"),
            Item(_l("SIP servers"), "sip_servers.index", "server", "settings.read"),
            Item(_l("Profiles"), "profiles.index", "adjustments", "settings.read"),
            Item(_l("Settings"), "settings.index", "settings", "settings.read"),
        ),
    ),
    Section(
        _l("Computers"),
        "device-desktop",
        (
            Item(_l("Computers"), "computers.index", "device-desktop", "computers.read"),
            Item(_l("Who was where"), "computers.history", "history", "computers.read"),
            Item(_l("Add computers"), "computers.add", "plus", "computers.write"),
        ),
    ),
    Section(
        _l("Logs"),
        "list",
        (
            Item(_l("HTTP fetches"), "logs.http", "list", "logs.read"),
            Item(_l("TFTP fetches"), "logs.tftp", "list", "logs.read"),
            Item(_l("SIP PnP"), "logs.pnp", "broadcast", "logs.read"),
            Item(_l("TFTP server log"), "logs.tftp_server", "file", "logs.read"),
            Item(_l("FTP transfers"), "logs.ftp", "file", "logs.read"),
            Item(_l("Self-test"), "selftest.index", "shield-check", "logs.read"),
        ),
    ),
    Section(
        _l("Admin"),
        "shield",
        (
            Item(_l("Users"), "admin.users", "users", "users.read"),
            Item(_l("Departments"), "admin.departments", "building", "departments.read"),
            Item(_l("Sign-ins"), "admin.sign_ins", "login", "signins.read"),
            Item(_l("Audit"), "admin.audit", "history", "audit.read"),
        ),
    ),
)


def init_app(app: Flask) -> None:
    config: Config = app.extensions["belldesk"]
    app.context_processor(lambda: frame(config.env))


def frame(env: str) -> dict[str, object]:
    """What base.html needs on every page."""
    return {
        "menu": visible_menu(),
        "env_badge": env.upper(),
        "languages": LANGUAGES.items(),
        "locale": language(),
        "theme": getattr(current_user, "theme", "") or session.get("theme", "auto"),
        "home_url": address("desk.index") or "/",
        "account_url": address("account.show"),
        "sign_out_url": address("auth.logout"),
        "language_url": address("account.language"),
        "theme_url": address("account.theme"),
        "search_url": address("phones.index"),
    }


def address(endpoint: str) -> str:
    """Empty, which hides the control, where the feature is not there."""
    return url_for(endpoint) if endpoint in current_app.view_functions else ""


def visible_menu() -> list[Section]:
    found = []
    for section in MENU:
        items = tuple(
            item
            for item in section.items
            if may(item.permission) and item.endpoint in current_app.view_functions
        )
        if items:
            found.append(Section(section.title, section.icon, items))
    return found
