"""Page or fragment: the one place that knows htmx's headers."""

import json
from typing import Any
from urllib.parse import urlsplit

from flask import Response, make_response, redirect, render_template, request


def is_fragment() -> bool:
    """True when htmx asks for a part; a history restore says so too, but wants the page."""
    asked = request.headers
    return "HX-Request" in asked and "HX-History-Restore-Request" not in asked


def render(page: str, fragment: str, /, status: int = 200, **context: Any) -> Response:
    """Render `fragment` when htmx asks for a part of the page, `page` otherwise."""
    response = make_response(
        render_template(fragment if is_fragment() else page, **context), status
    )
    response.vary.add("HX-Request")
    return response


def go(address: str) -> Response:
    """Redirect; to htmx by its own header, so that no page lands in a table cell."""
    if not is_fragment():
        return make_response(redirect(address, 303))
    response = make_response("", 204)
    response.headers["HX-Redirect"] = address
    return response


def trigger(response: Response, **events: Any) -> Response:
    """Add client-side events, such as toast={"kind": "ok", "text": "…"} or closeModal=True."""
    response.headers["HX-Trigger"] = json.dumps(events)
    return response


def page_path() -> str:
    """Path and query of the page the fragment was asked from."""
    parts = urlsplit(request.headers.get("HX-Current-URL", ""))
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
