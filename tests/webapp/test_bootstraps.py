"""What is kept ready for phones of strict sites."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.webapp.test_provision import make_phone
from webapp import door_keys, provision
from webapp.doors.trace import fetch_as
from webapp.extensions import db, utcnow
from webapp.models import Bootstrap, Phone, Revision, Site


@pytest.fixture
def strict(everywhere):
    site = db.session.scalar(select(Site))
    site.policy = "strict"
    db.session.commit()
    return site


def revised(*phones):
    outcomes = provision.revise(phones)
    db.session.commit()
    return [outcome.word for outcome in outcomes]


def bodies():
    return {row.phone_id: row.body.decode() for row in db.session.scalars(select(Bootstrap))}


def test_a_run_makes_one_of_each_phones_own_address(strict):
    first, second = make_phone(), make_phone("0c383e000002")
    revised(first, second)
    found = bodies()
    assert first.key in found[first.id] and second.key in found[second.id]
    for text in found.values():
        assert "p&amp;w" not in text and "1001" not in text and first.admin_password not in text
        assert strict.key not in text


def test_phones_of_other_sites_have_none(everywhere):
    revised(make_phone())
    assert bodies() == {}


def test_a_site_that_became_strict_has_them_after_the_next_run_although_no_file_changed(everywhere):
    phone = make_phone()
    revised(phone)
    phone.site.policy = "strict"
    db.session.commit()
    assert revised(phone) == ["unchanged"]
    assert phone.key in bodies()[phone.id]


def test_a_run_that_changes_nothing_writes_nothing(strict):
    phone = make_phone()
    revised(phone)
    before = db.session.execute(select(Bootstrap.__table__)).all()
    revised(phone)
    assert db.session.execute(select(Bootstrap.__table__)).all() == before


def test_a_new_key_stands_in_the_next_one(strict):
    phone = make_phone()
    revised(phone)
    phone.new_key(utcnow())
    db.session.commit()
    revised(phone)
    assert phone.key in bodies()[phone.id]


def test_a_model_that_cannot_be_told_its_address_has_none(strict):
    phone = make_phone(mac="0021f2000001", model="flyingvoice-fip14g")
    assert revised(phone) == ["new"]
    assert bodies() == {}


def test_a_model_that_no_longer_exists_hinders_no_other_phone(strict):
    good, lost = make_phone(), make_phone("0c383e000002")
    lost.model = "nobody-1"
    db.session.commit()
    assert sorted(revised(good, lost)) == ["failed", "new"]
    assert bodies().keys() == {good.id}


def test_it_is_gone_when_the_phone_changed_into_another(strict):
    phone = make_phone()
    revised(phone)
    before = door_keys.identity(phone)
    phone.mac = "0c383e000099"
    door_keys.welcome(phone, before)
    db.session.commit()
    assert bodies() == {}


def test_a_deleted_phone_takes_it_along(strict):
    phone = make_phone()
    revised(phone)
    db.session.delete(phone)
    db.session.commit()
    assert bodies() == {}


def test_one_made_with_a_key_that_was_changed_meanwhile_is_not_kept(strict):
    phone = make_phone()
    table = Phone.__table__
    held = provision.lock({phone.id})
    db.session.execute(table.update().values(key_digest="0" * 64))
    assert provision.has_its_key(phone, held)
    assert not provision.has_its_key(phone, provision.lock({phone.id}))


def test_a_strict_sites_phones_come_back_whatever_the_settings_say(strict):
    """Left to DHCP they would come with their site's key, which opens no file there."""
    phone = make_phone()
    db.session.add(
        provision.SettingValue(scope="everywhere", key="provisioning.mode", value="dhcp")
    )
    db.session.commit()
    revised(phone)
    assert phone.key.encode() in db.session.get(Revision, phone.revision_id).body


def test_a_site_with_passwords_at_the_door_gives_each_phone_its_own(everywhere):
    site = db.session.scalar(select(Site))
    site.door_auth = "digest"
    db.session.commit()
    first, second = make_phone(), make_phone("0c383e000002")
    revised(first, second)
    assert len({first.door_password, second.door_password, None}) == 3
    body = db.session.get(Revision, first.revision_id).body.decode()
    assert f"<DefaultUsername>{first.mac}</DefaultUsername>" in body
    assert f"<DefaultPassword>{first.door_password}</DefaultPassword>" in body


def test_a_site_without_passwords_at_the_door_makes_and_writes_none(everywhere):
    phone = make_phone()
    revised(phone)
    assert phone.door_password is None
    assert b"DefaultPassword" not in db.session.get(Revision, phone.revision_id).body


def test_at_the_door_the_sites_key_gives_an_address_and_that_gives_the_file(strict):
    phone = make_phone(password="0nlyInTheFile")
    revised(phone)
    at = {"address": "203.0.113.9"}
    first = fetch_as(phone.mac, key=strict.key, **at)
    assert first.served and b"0nlyInTheFile" not in first.body
    own = re.search(rb"/p/([\w-]{32})", first.body)[1].decode()
    second = fetch_as(phone.mac, key=own, **at)
    assert second.served and b"0nlyInTheFile" in second.body
    phone.disarm()
    db.session.commit()
    assert not fetch_as(phone.mac, key=strict.key, **at).served
    assert fetch_as(phone.mac, key=own, **at).served


def test_at_the_door_a_new_key_works_beside_the_old_one_until_then(everywhere):
    phone = make_phone(armed_until=None)
    revised(phone)
    old = phone.key
    phone.new_key(utcnow() + timedelta(hours=1))
    db.session.commit()
    assert fetch_as(phone.mac, key=old).served and fetch_as(phone.mac, key=phone.key).served
    phone.previous_key_until = utcnow() - timedelta(seconds=1)
    db.session.commit()
    assert not fetch_as(phone.mac, key=old).served
    assert fetch_as(phone.mac, key=phone.key).served
