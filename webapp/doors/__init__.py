"""The machine doors: phones (bare WSGI, before Flask) and, later, agents."""

from flask import Flask


def mount(app: Flask) -> Flask:
    """Put the machine doors that this process opens in front of the pages."""
    return app
