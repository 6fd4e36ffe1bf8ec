"""Phones with a configuration, put straight into the database."""

import hashlib
from datetime import timedelta

from sqlalchemy import select

from webapp.audit import acting_as
from webapp.extensions import db, utcnow
from webapp.models import Company, Phone, Revision, Site

MAC = "0c383e000001"
AGENT = "Fanvil X1SG 2.12.18.4 0c383e000001"
BODY = b"<sysConf><sip>secret of the phone</sip></sysConf>\n" * 40


def add_phone(site, mac=MAC, model="fanvil-x1sg", body=BODY):
    phone = Phone(
        mac=mac, model=model, site=site, admin_password="a", user_password="u", menu_pin="1"
    )
    phone.arm(utcnow() + timedelta(hours=72))
    db.session.add(phone)
    if body is not None:
        add_revision(phone, body)
    commit()
    return phone


def add_revision(phone, body):
    db.session.flush()
    number = len(db.session.scalars(Revision.of(phone)).all()) + 1
    revision = Revision(
        phone_id=phone.id,
        number=number,
        sha256=hashlib.sha256(body).hexdigest(),
        body=body,
        size=len(body),
        content_type="text/xml",
        model=phone.model,
        template_version="1",
    )
    db.session.add(revision)
    db.session.flush()
    phone.revision_id, phone.revision_sha256 = revision.id, revision.sha256
    return revision


def add_site(name="Porto", networks=None):
    site = Site(company=db.session.scalar(select(Company)), name=name)
    site.new_key()
    if networks:
        site.networks = networks
    db.session.add(site)
    commit()
    return site


def commit():
    with acting_as("tests"):
        db.session.commit()
