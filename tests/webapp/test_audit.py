from sqlalchemy import select

from tests.webapp.test_provision import make_phone
from webapp.audit import acting_as
from webapp.extensions import db
from webapp.models import AuditEntry, Line, Site, User


def entries(entity):
    return list(db.session.scalars(select(AuditEntry).where(AuditEntry.entity == entity)))


def test_a_line_taken_from_its_phone_leaves_a_row(everywhere):
    phone = make_phone()
    phone.lines = []
    with acting_as("bob", 2):
        db.session.commit()
    entry = entries("Line")[-1]
    assert (entry.action, entry.actor, entry.actor_id) == ("delete", "bob", 2)
    assert entry.changes["user"] == ["1001", None]
    assert entry.changes["password"] == ["•••", None]


def test_what_a_relationship_sets_is_seen_by_its_key(everywhere):
    phone = make_phone()
    old = phone.site
    other = Site(company=old.company, name="Porto")
    other.new_key()
    phone.site = other
    db.session.commit()
    assert entries("Phone")[-1].changes == {"site_id": [old.id, other.id]}


def test_no_secret_stands_in_the_trail(everywhere):
    phone = make_phone(password="verysecretword")
    phone.lines[0].password = "anothersecret"
    db.session.commit()
    db.session.delete(phone)
    db.session.commit()
    trail = str([entry.changes for entry in db.session.scalars(select(AuditEntry))])
    assert "•••" in trail
    for secret in ("verysecretword", "anothersecret", phone.admin_password):
        assert secret not in trail


def test_a_write_that_is_rolled_back_leaves_no_row(everywhere):
    before = len(entries("User"))
    db.session.scalar(User.named("bob")).full_name = "Somebody"
    db.session.flush()
    db.session.rollback()
    assert len(entries("User")) == before


def test_who_acts_outside_a_request_is_the_system(everywhere):
    make_phone()
    assert entries("Line")[-1].actor == "system"
    assert db.session.scalar(select(Line)).user == "1001"
