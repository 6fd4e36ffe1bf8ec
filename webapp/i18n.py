"""Language and time zone of the person who looks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from zoneinfo import available_timezones

from flask import Flask, has_request_context, request, session
from flask_babel import format_datetime, get_locale
from flask_babel import gettext as _
from flask_login import current_user

from webapp.extensions import babel


class Told(Protocol):
    """An error, a sheet's reason or a run's step: a template and what fills it."""

    @property
    def message(self) -> str: ...
    @property
    def params(self) -> Mapping[str, object] | None: ...


LANGUAGES = {"en": "English", "fr": "Français", "pt_BR": "Português"}


def init_app(app: Flask) -> None:
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    babel.init_app(app, locale_selector=language, timezone_selector=time_zone)
    app.jinja_env.filters["when"] = when
    app.jinja_env.filters["said"] = said


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


def said(told: Told) -> str:
    """Its words in the language of who looks: the template is translated first and filled then.

    A parameter named `reason` is a sentence of ours too (UnsafeValueError).
    """
    if not told.message:
        return ""
    params = {
        name: _(value) if name == "reason" and isinstance(value, str) and value else value
        for name, value in (told.params or {}).items()
    }
    return str(_(told.message, **params))


def html_language() -> str:
    return str(get_locale() or "en").replace("_", "-")
