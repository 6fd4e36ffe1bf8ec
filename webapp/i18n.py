"""Language and time zone of the person who looks."""

from datetime import datetime
from zoneinfo import available_timezones

from flask import Flask, has_request_context, request, session
from flask_babel import format_datetime, get_locale
from flask_login import current_user

from webapp.extensions import babel

LANGUAGES = {"en": "English", "fr": "Français", "pt_BR": "Português"}


def init_app(app: Flask) -> None:
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    babel.init_app(app, locale_selector=language, timezone_selector=time_zone)
    app.jinja_env.filters["when"] = when


def language() -> str:
    """What the person chose, else what the browser asks for, else English."""
    if not has_request_context():
        return "en"
    chosen = getattr(current_user, "language", "") or session.get("language", "")
    if chosen in LANGUAGES:
        return str(chosen)
    wanted = request.accept_languages.best_match(["en", "fr", "pt-BR", "pt"], "en")
    return "pt_BR" if str(wanted).startswith("pt") else str(wanted)


def time_zone() -> str:
    chosen = getattr(current_user, "time_zone", "") if has_request_context() else ""
    return chosen if chosen in available_timezones() else "UTC"


def when(moment: datetime | None) -> str:
    return format_datetime(moment, "short") if moment else ""


def html_language() -> str:
    return str(get_locale() or "en").replace("_", "-")
