"""Sites, without the keys of their addresses."""

from flask.typing import ResponseReturnValue
from sqlalchemy import select

from webapp.access import needs
from webapp.api import listing, reading, shapes
from webapp.api.blueprint import bp
from webapp.models import Site
from webapp.paging import Key


@bp.get("/sites")
@needs("sites.read")
def sites() -> ResponseReturnValue:
    reading.only(listing.filters(), ())
    return listing.listed("sites", select(Site), (Key(Site.id, "id"),), shapes.site)
