"""Opening and closing windows, forgetting networks, new keys: on pages."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.conftest import PASSWORD
from tests.webapp.test_provision import make_phone
from webapp.extensions import db, utcnow
from webapp.models import AuditEntry, Bootstrap, Phone, Run, Site

HOUR = timedelta(hours=1)
PIN = "203.0.113.0/24"
DEEDS = {"arm": {"hours": 24}, "close": {}, "forget-network": {}, "rotate-key": {"days": 7}}


def closed(mac="0c383e000001", **changes):
    return make_phone(mac, **({"armed_until": utcnow() - HOUR, "pinned_network": PIN} | changes))


def fresh(phone):
    db.session.expire_all()
    return phone


def audited(action):
    return db.session.scalars(select(AuditEntry).where(AuditEntry.action == action)).all()


def test_a_phone_opens_for_the_hours_chosen_and_forgets_its_network(bob):
    phone = closed()
    answer = bob.post("/phones/arm", data={"id": phone.id, "hours": 24})
    assert (answer.status_code, answer.location) == (303, f"/phones/{phone.id}")
    assert timedelta(hours=23) < fresh(phone).armed_until - utcnow() <= timedelta(hours=24)
    assert phone.pinned_network is None
    [row] = audited("arm")
    assert (row.actor, row.entity_id) == ("bob", phone.id)


def test_a_window_closes_and_the_network_stays(bob):
    phone = closed(armed_until=utcnow() + HOUR)
    bob.post("/phones/close", data={"id": phone.id})
    assert (fresh(phone).armed_until, phone.pinned_network) == (None, PIN)
    assert len(audited("disarm")) == 1


def test_a_network_is_forgotten_and_the_window_stays_closed(bob):
    phone = closed()
    before = phone.armed_until
    bob.post("/phones/forget-network", data={"id": phone.id})
    assert (fresh(phone).pinned_network, phone.armed_until) == (None, before)
    assert len(audited("forget network")) == 1


def test_many_phones_open_at_once_with_one_row_in_the_audit(bob):
    phones = [closed(f"0c383e00000{n}") for n in range(3)]
    other = closed("0c383e000009")
    bob.post("/phones/arm", data={"id": [phone.id for phone in phones], "hours": "8"})
    assert all(fresh(phone).is_armed for phone in phones)
    assert not other.is_armed
    [row] = audited("arm")
    assert row.changes["phones"] == [phone.id for phone in phones]


def test_first_it_asks_for_how_long_and_carries_the_choice_along(bob):
    phone = closed()
    text = bob.post("/phones/arm", data={"all": "1", "q": "0c383e", "confirm_password": "x"}).text
    assert 'name="hours"' in text and 'name="q" value="0c383e"' in text
    assert "confirm_password" not in text
    assert not fresh(phone).is_armed


@pytest.mark.parametrize("hours", ["0", "721", "-1", "abc", "", "1e9", "²"])
def test_hours_out_of_range_open_nothing(bob, hours):
    phone = closed()
    answer = bob.post("/phones/arm", data={"id": phone.id, "hours": hours})
    assert answer.status_code == 422
    assert not fresh(phone).is_armed
    assert audited("arm") == []


@pytest.mark.parametrize("days", ["31", "-1", "abc", "", "²"])
def test_days_out_of_range_change_no_key(bob, days):
    phone = make_phone()
    before = phone.key_digest
    answer = bob.post("/phones/rotate-key", data={"id": phone.id, "days": days})
    assert answer.status_code == 422
    assert fresh(phone).key_digest == before


@pytest.mark.parametrize("deed", DEEDS)
def test_who_only_reads_opens_closes_and_changes_nothing(carol, deed):
    phone = closed()
    before = (phone.armed_until, phone.pinned_network, phone.key_digest)
    assert carol.post(f"/phones/{deed}", data={"id": phone.id} | DEEDS[deed]).status_code == 403
    fresh(phone)
    assert (phone.armed_until, phone.pinned_network, phone.key_digest) == before


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("chosen", ["999999", "²", "", "abc"])
def test_phones_that_are_not_there_are_not_found(bob, deed, chosen):
    phone = closed()
    assert bob.post(f"/phones/{deed}", data={"id": chosen} | DEEDS[deed]).status_code == 404
    assert not fresh(phone).is_armed


def test_a_new_key_comes_with_a_run_and_the_old_one_works_on(bob):
    phone = make_phone()
    old = phone.key_digest
    data = {"id": phone.id, "days": 7}
    answer = bob.post("/phones/rotate-key", data=data)
    assert (answer.status_code, answer.location) == (307, "/runs/")  # browsers post it again there
    assert bob.post(answer.location, data=data).location.startswith("/runs/")
    assert fresh(phone).previous_key_digest == old != phone.key_digest
    assert timedelta(days=6) < phone.previous_key_until - utcnow() <= timedelta(days=7)
    assert db.session.scalars(select(Run)).one().total == 1
    [row] = audited("rotate key")
    assert phone.key not in str(row.changes) and old not in str(row.changes)


def test_the_same_post_again_does_not_lock_the_phone_out(bob):
    """It may know the key before only: that one must not stop because a page was loaded twice."""
    phone = make_phone()
    old = phone.key_digest
    for _ in range(2):
        answer = bob.post("/phones/rotate-key", data={"id": phone.id, "days": 7})
    assert answer.location == f"/phones/{phone.id}"
    assert fresh(phone).previous_key_digest == old
    assert "keeps its key" in bob.get(answer.location).text
    assert len(audited("rotate key")) == 1


def test_a_key_in_wrong_hands_stops_at_once(bob):
    phone = make_phone()
    bob.post("/phones/rotate-key", data={"id": phone.id, "days": 7})
    old = fresh(phone).key_digest
    bob.post("/phones/rotate-key", data={"id": phone.id, "days": 0, "again": "y"})
    assert fresh(phone).key_digest != old
    assert phone.previous_key_until is None


def test_new_keys_for_many_phones_change_the_door_passwords_of_those_that_have_one(bob):
    with_one, without = make_phone(door_password="typed"), make_phone("0c383e000002")
    data = {"id": [with_one.id, without.id], "days": 1}
    bob.post("/phones/rotate-key", data=data)
    assert fresh(with_one).previous_door_password == "typed" != with_one.door_password
    assert without.door_password is None
    assert with_one.key != without.key


def test_what_a_stranger_may_get_goes_with_the_key_it_was_made_with(bob):
    phone = make_phone()
    db.session.add(
        Bootstrap(phone_id=phone.id, sha256="0" * 64, body=b"old", size=3, content_type="x")
    )
    db.session.commit()
    bob.post("/phones/rotate-key", data={"id": phone.id, "days": 7})
    assert db.session.scalar(select(Bootstrap)) is None


def test_a_new_key_wants_the_password_again(bob):
    phone = make_phone()
    before = phone.key_digest
    with bob.session_transaction() as session:
        session.pop("confirmed_at")
    data = {"id": phone.id, "days": 7}
    assert bob.post("/phones/rotate-key", data=data).status_code == 403
    assert fresh(phone).key_digest == before
    bob.post("/phones/rotate-key", data=data | {"confirm_password": PASSWORD})
    assert fresh(phone).key_digest != before


def test_the_page_says_in_words_who_gets_the_file(bob):
    phone, site = closed(), db.session.scalar(select(Site))
    page = f"/phones/{phone.id}"
    assert f"but for the network {PIN}" in bob.get(page).text
    phone.pinned_network = None
    db.session.commit()
    assert "it must come with its own" in bob.get(page).text
    phone.armed_until = utcnow() + HOUR
    db.session.commit()
    assert "the first who asks gets it" in bob.get(page).text
    site.policy = "strict"
    db.session.commit()
    assert "gives it no file, only its own address" in bob.get(page).text
    site.policy = "lan"
    db.session.commit()
    assert "whoever asks from one of its networks" in bob.get(page).text


def test_the_page_of_a_model_that_cannot_be_used_at_a_strict_site_says_so(bob):
    phone = make_phone("0021f2000001", "flyingvoice-fip14g")
    phone.site.policy = "strict"
    db.session.commit()
    assert "cannot be used at a strict site" in bob.get(f"/phones/{phone.id}").text


def test_the_page_shows_neither_key_nor_password_until_asked(bob):
    phone = make_phone(door_password="typed0nThePhone")
    phone.site.door_auth = "basic"
    db.session.commit()
    text = bob.get(f"/phones/{phone.id}").text
    for secret in (phone.key, phone.key_digest, "typed0nThePhone"):
        assert secret not in text
    assert phone.key in bob.post(f"/phones/{phone.id}/address").text
    assert "typed0nThePhone" in bob.post(f"/phones/{phone.id}/secrets/door_password").text
    assert len(audited("reveal")) == 2


def test_a_phone_without_a_password_for_the_door_has_none_to_show(bob):
    phone = make_phone()
    assert bob.post(f"/phones/{phone.id}/secrets/door_password").status_code == 404
    assert bob.post(f"/phones/{phone.id}/secrets/key").status_code == 404


def test_who_may_not_reveal_gets_no_address(carol):
    phone = make_phone()
    assert carol.post(f"/phones/{phone.id}/address").status_code == 403
    assert "/address" not in carol.get(f"/phones/{phone.id}").text


def test_the_list_shows_the_open_ones_alone(bob):
    make_phone(label="Wide open")
    closed("0c383e000002", label="Shut tight")
    text = bob.get("/phones/?state=armed").text
    assert "Wide open" in text and "Shut tight" not in text


def test_the_phones_of_one_upload_can_be_chosen(bob):
    ours, other = make_phone(label="Of this list"), make_phone("0c383e000002", label="Of another")
    ours.import_id, other.import_id = 7, 8
    db.session.commit()
    text = bob.get("/phones/?import_id=7").text
    assert "Of this list" in text and "Of another" not in text
    assert db.session.scalar(select(Phone.id).where(Phone.import_id == 7)) == ours.id
