"""The peer of our own making: the same application, answering a phone as a page would."""

from flask import Response
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from webapp import create_app
from webapp.extensions import db
from webapp.models import Fetch, Phone, Revision
from webapp.models.site import digest

app = create_app()


@app.get("/p/<key>/<mac>.cfg")
def fetch(key: str, mac: str) -> ResponseReturnValue:
    phone = db.session.scalar(Phone.with_mac(mac))
    if phone is None or phone.site.key_digest != digest(key):
        return "Not found\n", 404
    revision = db.session.scalars(select(Revision).where(Revision.id == phone.revision_id)).one()
    row = Fetch(
        transport="http",
        file=f"{mac}.cfg",
        mac=mac,
        address="127.0.0.1",
        status=200,
        sent=revision.size,
        phone_id=phone.id,
        site_id=phone.site_id,
        revision_id=revision.id,
        sha256=revision.sha256,
    )
    body, content_type = revision.body, revision.content_type
    db.session.add(row)
    db.session.commit()
    return Response(body, content_type=content_type)
