"""Phones at addresses of their own on this machine (127.0.0.0/8), for tests of pushing."""

import os
from dataclasses import replace

from sqlalchemy import select

from tests.webapp.jobs.phones import make_phones
from webapp import provision
from webapp.extensions import db, utcnow
from webapp.jobs.worker import Worker
from webapp.models import Delivery, Phone, Run, RunStep
from webapp.runs import services

# A network of this process alone: tests that run side by side must not take each other's phones.
NETWORK = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}"
SIP = ("--port", "5060")


def at(number):
    return f"{NETWORK}.{number}"


def told_by(heard, count):
    """The phones that were sent a NOTIFY: one that is repeated on a busy machine is one."""
    heard.wait(count)
    return {text.split()[1] for text in heard.heard}


def unpaced(app, **pace):
    """Let pushes go at once, unless the test is about their pace."""
    config = app.extensions["belldesk"]
    given = {"pushes_per_minute": 0, "pushes_per_minute_total": 0} | pace
    app.extensions["belldesk"] = replace(config, **given)


def seen_phones(addresses, first=1, model="fanvil-x1sg"):
    """Phones with a file that were seen from these addresses; return their ids."""
    ids = make_phones(len(addresses), first, model)
    phones = list(db.session.scalars(select(Phone).where(Phone.id.in_(ids)).order_by(Phone.mac)))
    provision.revise(phones)
    for phone, address in zip(phones, addresses, strict=True):
        if address:
            come_back(phone, address)
            phone.fetched_sha256 = "of an older one"
    db.session.commit()
    return ids


def come_back(phone, address=None):
    """As the door notes it when the phone fetched its newest file."""
    phone.fetched_revision_id, phone.fetched_sha256 = phone.revision_id, phone.revision_sha256
    phone.fetched_at, phone.fetched_by = utcnow(), "http"
    phone.fetched_address = address or phone.fetched_address


def begin(ids, kind="deliver", **options):
    run = services.start(ids, None, kind=kind, options=options or None)
    db.session.commit()
    services.send(run)
    return run.id


def work(app):
    Worker(app).run(once=True)
    db.session.rollback()


def steps_of(run_id):
    db.session.expire_all()
    return list(db.session.scalars(RunStep.of(run_id).order_by(RunStep.id)))


def tries_of(run_id):
    db.session.expire_all()
    query = Delivery.of_run(run_id).order_by(None).order_by(Delivery.id)
    return list(db.session.scalars(query))


def state_of(run_id):
    db.session.rollback()
    return db.session.get(Run, run_id).state


def words(told):
    return told.message % (told.params or {})
