"""Labels to print: each lets whoever stands before its phone open the phone's window once."""

from dataclasses import dataclass

import segno
from flask import abort, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from markupsafe import Markup

from provisioning.registry import registry
from webapp import walk_in_codes
from webapp.access import needs
from webapp.config import Config
from webapp.extensions import db
from webapp.models import Phone
from webapp.phones.routes import bp
from webapp.selection import chosen

MOST = 500  # labels at a time: some dozen sheets of paper


@dataclass(frozen=True, slots=True)
class Printed:
    """`qr` is our own drawing, safe in a page as it is."""

    phone: Phone
    model: str
    code: str
    url: str
    qr: Markup


@bp.post("/walk-in")
@needs("phones.write")
def walk_in() -> ResponseReturnValue:
    """Make codes for the phones that the form means and show them, this once."""
    query = chosen(current_user, request.form).options(*Phone.for_list()).order_by(Phone.mac)
    found = list(db.session.scalars(query.limit(MOST + 1)))
    if not found:
        abort(404)
    more, phones = len(found) > MOST, found[:MOST]
    labels = [printed(label) for label in walk_in_codes.make(phones, current_user)]
    db.session.commit()
    config: Config = current_app.extensions["belldesk"]
    return render_template(
        "phones/walk_in.html", labels=labels, more=more, most=MOST, hours=config.walk_in_hours
    )


def printed(label: walk_in_codes.Label) -> Printed:
    model = registry().models.get(label.phone.model)
    name = model.name if model else label.phone.model
    return Printed(label.phone, name, label.code, label.url, drawn(label.url))


def drawn(url: str) -> Markup:
    code = segno.make(url, error="m", micro=False)
    svg = code.svg_inline(border=4, svgclass="bd-qr", lineclass=None, omitsize=True)
    return Markup(svg)  # noqa: S704 - drawn from modules that are black or white
