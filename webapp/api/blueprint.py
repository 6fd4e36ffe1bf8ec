"""The door of people's programs: a bearer token at every request, and never a cookie."""

from flask import Blueprint

from webapp.extensions import csrf

bp = Blueprint("api", __name__, url_prefix="/api/v1")
csrf.exempt(bp)  # no page can make a browser send what opens this door
