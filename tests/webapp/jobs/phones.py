"""Many phones at once, for tests of runs."""

from sqlalchemy import insert, select

from webapp import provision
from webapp.extensions import db
from webapp.models import Line, Phone, SipServer, Site


def make_phones(count, first=1, model="fanvil-x1sg", password="secret"):
    """Insert them in bulk and return their ids."""
    site, server = db.session.scalar(select(Site.id)), db.session.scalar(select(SipServer.id))
    macs = [f"0c383e{number:06x}" for number in range(first, first + count)]
    made = provision.new_secrets()
    db.session.execute(
        insert(Phone), [{"mac": mac, "model": model, "site_id": site, **made} for mac in macs]
    )
    query = select(Phone.id).where(Phone.mac.in_(macs)).order_by(Phone.mac)
    ids = list(db.session.scalars(query))
    db.session.execute(
        insert(Line),
        [
            {"phone_id": number, "number": 1, "user": f"{number}", "password": password,
             "sip_server_id": server}
            for number in ids
        ],
    )  # fmt: skip
    db.session.commit()
    return ids
