"""Every phone has a key of its own; its site's key opens it in its window only."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from provisioning.errors import ProvisioningError
from provisioning.render import render
from tests.webapp.imports.test_imports import written
from tests.webapp.phones.test_phone_pages import form_of
from tests.webapp.test_provision import make_phone
from webapp import door_keys, provision
from webapp.adopt import services as adopting
from webapp.cli import company
from webapp.extensions import db, utcnow
from webapp.models import AuditEntry, Phone, Revision, Site, Stray
from webapp.models.site import digest
from webapp.phones import services

HOUR = timedelta(hours=1)


def body_of(phone):
    db.session.commit()
    return db.session.get(Revision, phone.revision_id).body.decode()


def old_phone(**changes):
    """As they were before phones had keys of their own."""
    return make_phone(**({"key": None, "key_digest": None, "armed_until": None} | changes))


def other_site():
    site = Site(company=db.session.scalar(select(Site)).company, name="Porto")
    site.new_key()
    db.session.add(site)
    db.session.commit()
    return site


def assert_new(phone):
    assert phone.key_digest == digest(phone.key)
    assert len(phone.key) == 32
    assert timedelta(hours=71) < phone.armed_until - utcnow() <= timedelta(hours=72)
    assert phone.pinned_network is None


def test_a_phone_entered_by_hand_has_a_key_and_a_window(bob):
    bob.post("/phones/new", data=form_of())
    assert_new(db.session.scalar(select(Phone)))


def test_each_phone_of_a_list_has_a_key_and_a_window_of_its_own(everywhere):
    written()
    phones = db.session.scalars(select(Phone)).all()
    assert len({phone.key for phone in phones}) == 2
    for phone in phones:
        assert_new(phone)


def test_an_adopted_phone_has_a_key_and_a_window(app):
    stray = Stray(mac="0c383e000009", model="fanvil-x1sg", transport="http", address="10.0.0.9")
    db.session.add(stray)
    db.session.commit()
    assert_new(adopting.adopt(stray, "fanvil-x1sg", db.session.scalar(select(Site))))


def test_the_phones_of_the_demonstration_have_keys_and_windows(app):
    site = db.session.scalar(select(Site))
    [phone] = company.phones(1, [site], db.session.scalars(select(provision.SipServer)).all(), [])
    assert_new(phone)


def test_an_installation_may_open_no_window_by_itself(app):
    object.__setattr__(app.extensions["belldesk"], "armed_hours", 0)
    assert make_phone().armed_until is None


def test_the_file_tells_the_phone_its_own_address_and_not_its_sites(everywhere):
    phone = make_phone()
    provision.revise([phone])
    body = body_of(phone)
    assert f"http://desk.example.net/p/{phone.key}</FlashServerIP>" in body
    assert phone.site.key not in body


def test_a_phone_of_before_gets_its_key_with_its_next_file(everywhere):
    first, second = old_phone(), old_phone(mac="0c383e000002")
    assert {one.word for one in provision.revise([first, second])} == {"new"}
    for phone in (first, second):
        assert phone.key in body_of(phone)
        assert phone.key_digest == digest(phone.key)
    assert first.key != second.key
    [row] = db.session.scalars(select(AuditEntry).where(AuditEntry.label == "2 phones"))
    assert first.key not in str(row.changes)


def test_who_comes_second_takes_the_first_ones_key(everywhere):
    phone = old_phone()
    assert phone.key is None  # read before the other worker, as this one has it in its hands
    other, theirs = "x" * 32, digest("x" * 32)
    table = Phone.__table__
    values = {"key": other, "key_digest": theirs}
    db.session.execute(update(table).where(table.c.id == phone.id).values(**values))
    door_keys.give_what_is_missing([phone])
    assert (phone.key, phone.key_digest) == (other, theirs)


def test_a_file_made_with_a_key_that_was_changed_meanwhile_is_not_stored(everywhere):
    phone = make_phone()
    made = [(phone, render(provision.provisioned(phone, provision.Settings())), "a" * 64)]
    table = Phone.__table__
    db.session.execute(update(table).values(key_digest=digest("newer")))
    [outcome] = provision.store(made, provision.lock({phone.id}), None, "")
    assert outcome.word == "failed"
    assert db.session.scalar(select(Revision)) is None


def test_an_older_file_comes_again_with_the_present_key(everywhere):
    phone = make_phone()
    provision.revise([phone])
    first = db.session.get(Revision, phone.revision_id)
    old = phone.key
    phone.new_key(utcnow() + HOUR)
    phone.lines[0].user = "1009"
    db.session.commit()
    provision.revise([phone])
    again = provision.roll_back(phone, first)
    body = body_of(phone)
    assert again.sha256 == phone.revision_sha256 != first.sha256
    assert "1001" in body and "1009" not in body
    assert phone.key in body and old not in body


def test_an_older_file_with_a_password_that_opens_nothing_does_not_come_again(everywhere):
    """Out of its window the phone would stand before a closed door with it."""
    phone = make_phone()
    phone.site.door_auth = "digest"
    db.session.commit()
    provision.revise([phone])
    first = db.session.get(Revision, phone.revision_id)
    db.session.commit()
    assert provision.roll_back(phone, first).number == 2
    phone.new_key(utcnow() + HOUR)
    db.session.commit()
    with pytest.raises(ProvisioningError, match="no password for the door"):
        provision.roll_back(phone, first)


def test_a_new_key_keeps_the_old_one_alive_until_then(everywhere):
    phone, until = make_phone(), utcnow() + HOUR
    before = phone.key_digest
    phone.new_key(until)
    db.session.commit()
    assert (phone.previous_key_digest, phone.previous_key_until) == (before, until)
    phone.new_key()
    assert phone.previous_key_digest != before and phone.previous_key_until is None


def test_a_password_for_the_door_changes_with_the_key(everywhere):
    phone, until = make_phone(door_password="typed"), utcnow() + HOUR
    phone.new_key(until)
    db.session.commit()
    assert phone.door_password not in (None, "typed")
    assert phone.previous_door_password == "typed"
    assert phone.previous_door_password_until == until


def test_a_phone_that_has_no_password_for_the_door_gets_none_with_its_key(everywhere):
    phone = make_phone()
    phone.new_key(utcnow() + HOUR)
    assert (phone.door_password, phone.previous_door_password) == (None, None)


@pytest.mark.parametrize("how", ["form", "bulk", "list"])
def test_a_phone_that_moves_opens_again_and_forgets_where_it_was(app, bob, how):
    phone = make_phone(armed_until=utcnow() - HOUR, pinned_network="203.0.113.0/24")
    key, site = phone.key, other_site()
    if how == "form":
        bob.post(f"/phones/{phone.id}/edit", data=form_of(phone, site_id=site.id))
    elif how == "bulk":
        services.move(select(Phone), site, None)
    else:
        server = phone.lines[0].sip_server
        written(b"mac,extension,password\n0C383E000001,1001,new\n", site=site, sip_server=server)
    db.session.commit()
    db.session.expire_all()
    assert phone.site_id == site.id
    assert_new(phone)
    assert phone.key == key


def test_a_phone_that_stays_keeps_its_window_as_it_is(app, bob):
    phone = make_phone(armed_until=None, pinned_network="203.0.113.0/24")
    bob.post(f"/phones/{phone.id}/edit", data=form_of(phone, label="Another"))
    services.move(select(Phone), phone.site, None)
    db.session.commit()
    db.session.expire_all()
    assert (phone.armed_until, phone.pinned_network) == (None, "203.0.113.0/24")


def test_another_handset_gets_another_key_at_once(bob):
    phone = make_phone(armed_until=None)
    old = phone.key
    bob.post(f"/phones/{phone.id}/edit", data=form_of(phone, mac="0C:38:3E:00:00:77"))
    db.session.expire_all()
    assert phone.mac == "0c383e000077"
    assert phone.key != old and phone.previous_key_until is None
    assert_new(phone)
