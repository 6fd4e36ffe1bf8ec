"""The page of how one phone is told: its address, its tries, and whom we take for it."""

import pytest
from sqlalchemy import select

from provisioning.registry import registry
from provisioning.transports.push import Pushed
from tests.conftest import PASSWORD
from tests.webapp.jobs.reached import begin, seen_phones, work
from webapp.extensions import db
from webapp.jobs import pins
from webapp.models import Alert, AuditEntry, Delivery, Phone, PhonePin, User

FIRST, OTHER = "SHA256:first", "SHA256:other"


@pytest.fixture
def phone(app):
    [number] = seen_phones(["10.9.1.7"])
    return db.session.get(Phone, number)


def fresh(phone):
    db.session.rollback()
    db.session.expire_all()
    return db.session.get(Phone, phone.id)


def ssh():
    ways = registry().model("audiocodes-405hd").vendor.resync
    return next(way for way in ways if way.method == "ssh")


def shown(phone, fingerprint, changed=False):
    """As a push notes what the phone showed."""
    pins.note(phone.id, ssh(), Pushed(not changed, "", {}, None, 1, fingerprint, changed))
    db.session.commit()


def pin_of(phone):
    db.session.expire_all()
    return db.session.scalar(PhonePin.of(phone.id))


def address(client, phone, text):
    return client.post(f"/phones/{phone.id}/delivery/address", data={"address": text})


def test_it_says_where_and_how_the_phone_is_told(app, bob, phone):
    text = bob.get(f"/phones/{phone.id}/delivery").text
    assert "10.9.1.7" in text
    assert "check-sync;reboot=true" in text
    assert "It was never told to take its file" in text


def test_its_last_tries_are_listed_with_what_came_of_them(app, bob, phone):
    db.session.add(
        Delivery(phone_id=phone.id, channel="notify", address="10.9.1.7", success=False,
                 message="%(address)s does not answer the NOTIFY", params={"address": "10.9.1.7"},
                 milliseconds=32000)
    )  # fmt: skip
    db.session.commit()
    text = bob.get(f"/phones/{phone.id}/delivery").text
    assert "10.9.1.7 does not answer the NOTIFY" in text
    assert "32000 ms" in text


@pytest.mark.parametrize("typed", ["10.0.0.7", " 10.0.0.7 ", "::ffff:10.0.0.7"])
def test_a_typed_address_is_kept_in_its_shortest_form(app, bob, phone, typed):
    assert address(bob, phone, typed).status_code == 303
    assert fresh(phone).address == "10.0.0.7"
    assert "10.0.0.7" in str(db.session.scalars(AuditEntry.of("Phone", phone.id)).first().changes)


def test_an_empty_address_means_where_it_was_seen(app, bob, phone):
    address(bob, phone, "10.0.0.7")
    address(bob, phone, "")
    assert fresh(phone).address is None


@pytest.mark.parametrize(
    "typed",
    ["224.0.1.75", "ff02::1", "0.0.0.0", "::", "255.255.255.255", "127.0.0.1", "::1", "240.0.0.1",
     "169.254.169.254", "fd00:ec2::254", "fd00:ec2::254%0", "fe80::1%" + "a" * 50, "fe80::1%<b>",
     "::ffff:127.0.0.1", "phone.example.net", "10.0.0.7:80", "10.0.0.0/24",
     "http://10.0.0.7/", "10.0.0", "0x7f000001", "10.0.0.7\r\nX: y", "<script>"],
)  # fmt: skip
def test_what_is_not_the_address_of_one_phone_is_refused_and_kept_in_the_form(
    app, bob, phone, typed
):
    answer = address(bob, phone, typed)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert "<script>" not in answer.text.split("<main")[1]
    assert fresh(phone).address is None


def test_two_phones_cannot_be_typed_to_be_at_one_address(app, bob, phone):
    [other] = seen_phones(["10.9.1.8"], first=9)
    address(bob, db.session.get(Phone, other), "10.0.0.7")
    answer = address(bob, phone, "10.0.0.7")
    assert answer.status_code == 422
    assert "is typed as the address of 0c383e000009 already" in answer.text


def test_typing_an_address_asks_for_the_password_again(app, bob, phone):
    with bob.session_transaction() as session:
        session["confirmed_at"] = 0
    assert address(bob, phone, "10.0.0.7").status_code == 403
    assert fresh(phone).address is None
    data = {"address": "10.0.0.7", "confirm_password": PASSWORD}
    assert bob.post(f"/phones/{phone.id}/delivery/address", data=data).status_code == 303


def test_who_may_not_see_passwords_sends_no_phone_to_an_address_of_his(app, bob, phone):
    """A push shows the phone's password to whoever is at the typed address."""
    user = db.session.scalar(User.named("bob"))
    user.department.permissions = user.department.permissions - {"phones.reveal"}
    db.session.commit()
    assert address(bob, phone, "10.0.0.7").status_code == 403
    assert fresh(phone).address is None
    assert "delivery/address" not in bob.get(f"/phones/{phone.id}/delivery").text


@pytest.mark.parametrize("path", ["address", "pins/1/accept", "pins/1/refuse"])
def test_who_only_reads_changes_nothing(app, carol, phone, path):
    assert carol.get(f"/phones/{phone.id}/delivery").status_code == 200
    assert carol.post(f"/phones/{phone.id}/delivery/{path}").status_code == 403


def test_who_may_not_see_phones_does_not_see_it(app, dave, phone):
    assert dave.get(f"/phones/{phone.id}/delivery").status_code == 403


def test_what_a_phone_shows_first_is_pinned(everywhere):
    [number] = seen_phones(["10.9.1.7"])
    found = db.session.get(Phone, number)
    shown(found, FIRST)
    shown(found, FIRST)
    assert (pin_of(found).fingerprint, pin_of(found).offered) == (FIRST, None)


def test_another_one_waits_for_a_person_and_raises_one_alert(everywhere):
    [number] = seen_phones(["10.9.1.7"])
    found = db.session.get(Phone, number)
    shown(found, FIRST)
    for _ in range(2):
        shown(found, OTHER, changed=True)
    assert (pin_of(found).fingerprint, pin_of(found).offered) == (FIRST, OTHER)
    [alert] = db.session.scalars(Alert.open())
    assert (alert.kind, alert.times, alert.phone_id) == ("identity", 2, number)
    assert "shows another host key" in alert.message % alert.params


def test_accepted_it_is_the_phones_from_now_on(app, bob, phone):
    shown(phone, FIRST)
    shown(phone, OTHER, changed=True)
    assert OTHER in bob.get(f"/phones/{phone.id}/delivery").text
    bob.post(f"/phones/{phone.id}/delivery/pins/{pin_of(phone).id}/accept")
    assert (pin_of(phone).fingerprint, pin_of(phone).offered) == (OTHER, None)
    assert db.session.scalar(Alert.waiting()) == 0
    assert db.session.scalars(select(Alert.closed_by)).all() == ["bob"]
    [row, _] = db.session.scalars(AuditEntry.of("PhonePin", pin_of(phone).id)).all()[:2]
    assert OTHER in str(row.changes)


def test_refused_the_first_stays(app, bob, phone):
    shown(phone, FIRST)
    shown(phone, OTHER, changed=True)
    bob.post(f"/phones/{phone.id}/delivery/pins/{pin_of(phone).id}/refuse")
    assert (pin_of(phone).fingerprint, pin_of(phone).offered) == (FIRST, None)


def test_a_pin_of_another_phone_is_not_there(app, bob, phone):
    [other] = seen_phones(["10.9.1.8"], first=9)
    shown(db.session.get(Phone, other), FIRST)
    pin = pin_of(db.session.get(Phone, other))
    assert bob.post(f"/phones/{phone.id}/delivery/pins/{pin.id}/accept").status_code == 404


def test_no_page_of_a_run_or_a_phone_shows_what_was_used_to_sign_in(app, bob):
    [number] = seen_phones([None])
    run_id = begin([number])
    work(app)
    found = db.session.get(Phone, number)
    secrets = (found.admin_password, found.user_password, found.key, found.lines[0].password)
    for path in (f"/phones/{number}/delivery", f"/runs/{run_id}", "/runs/"):
        text = bob.get(path).text
        assert not any(f">{secret}<" in text or secret in text.split() for secret in secrets)
