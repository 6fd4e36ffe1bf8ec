"""Labels: who makes them, who scans them, and who tries to get in by them."""

import logging
import re
from datetime import timedelta

import pytest
import segno
from sqlalchemy import func, select

from tests.webapp.doors.cast import add_revision
from tests.webapp.test_provision import make_phone
from webapp.audit import acting_as
from webapp.extensions import db, utcnow
from webapp.models import AuditEntry, Fetch, Phone, WalkIn

CODE = re.compile(r"<code>((?:[0-9A-Z]{4}-){3}[0-9A-Z]{4})</code>")


@pytest.fixture
def phone(app):
    made = make_phone(label="Reception", password="Unmistakable1")
    made.disarm()
    add_revision(made, b"<file/>")
    commit()
    return made


def commit():
    with acting_as("tests"):
        db.session.commit()


def labels(client, *phones, **more):
    return client.post("/phones/walk-in", data={"id": [phone.id for phone in phones]} | more)


@pytest.fixture
def code(bob, phone):
    return CODE.search(labels(bob, phone).text)[1]


def test_a_label_says_which_phone_and_carries_its_code(bob, phone):
    page = labels(bob, phone).text
    assert "Reception" in page
    assert "0c:38:3e:00:00:01" in page
    assert '<svg viewBox="0 0 ' in page
    code = CODE.search(page)[1]
    assert f'data-copy="http://desk.example.net/w/{code}"' in page
    assert "Unmistakable1" not in page
    assert phone.key not in page


def test_a_sheet_has_a_label_for_each_phone(bob, phone):
    others = [make_phone(mac=f"0c383e0001{n:02x}") for n in range(4)]
    assert len(set(CODE.findall(labels(bob, phone, *others).text))) == 5
    page = bob.post("/phones/walk-in", data={"all": "1", "q": "0c383e000102"}).text
    assert len(CODE.findall(page)) == 1


def test_the_qr_code_is_the_address(bob, phone, code):
    page = labels(bob, phone).text
    code = CODE.search(page)[1]
    drawn = segno.make(f"http://desk.example.net/w/{code}", error="m", micro=False)
    path = re.search(r'<path [^>]*d="([^"]+)"', page)[1]
    assert path in drawn.svg_inline(border=4, omitsize=True)


def test_the_code_can_be_typed_where_no_camera_is(anonymous, bob, phone):
    page = labels(bob, phone).text
    code = CODE.search(page)[1]
    assert "http://desk.example.net/w/<" in page
    assert 'name="code"' in anonymous.get("/w/").text
    typed = anonymous.get("/w/", query_string={"code": f" {code.lower()} "}, follow_redirects=True)
    assert "Reception" in typed.text
    assert anonymous.get("/w/?code=AAAA", follow_redirects=True).status_code == 404


def test_scanning_shows_little_and_changes_nothing(anonymous, phone, code):
    for _ in range(3):
        page = anonymous.get(f"/w/{code}")
        assert page.status_code == 200
    for words in ("Reception", "1001", "Fanvil X1SG", "0001"):
        assert words in page.text
    secret = ("Unmistakable1", phone.key, phone.mac, phone.site.key, phone.admin_password)
    assert not any(words in page.text for words in secret)
    assert page.headers["Cache-Control"] == "no-store"
    db.session.expire_all()
    assert not phone.is_armed
    assert anonymous.head(f"/w/{code}").status_code == 200
    assert anonymous.post(f"/w/{code}").status_code == 303


def test_pressing_arms_it_and_shows_it_arrive(anonymous, phone, code):
    answer = anonymous.post(f"/w/{code}")
    assert answer.location == "/w/arriving"
    db.session.expire_all()
    assert phone.is_armed
    page = anonymous.get("/w/arriving").text
    assert "Waiting for the phone" in page
    assert 'hx-trigger="every 2s"' in page
    db.session.add(Fetch(transport="http", file="x.cfg", address="1", status=404, reason="x",
                         phone_id=phone.id))  # fmt: skip
    commit()
    assert "It is fetching" in anonymous.get("/w/arriving").text
    phone.fetched_sha256, phone.fetched_at = phone.revision_sha256, utcnow()
    commit()
    part = anonymous.get("/w/arriving", headers={"HX-Request": "true"}).text
    assert "It is here" in part
    assert "hx-get" not in part
    assert "<html" not in part


def test_one_that_was_here_before_has_not_arrived_yet(anonymous, phone, code):
    phone.fetched_sha256 = phone.revision_sha256
    phone.fetched_at = utcnow() - timedelta(hours=1)
    commit()
    anonymous.post(f"/w/{code}")
    assert "Waiting for the phone" in anonymous.get("/w/arriving").text


def test_one_without_a_file_is_said_to_have_none(anonymous, bob, site):
    phone = make_phone(mac="0c383e0000aa")
    phone.revision_id = None
    commit()
    code = CODE.search(labels(bob, phone).text)[1]
    anonymous.post(f"/w/{code}")
    assert "no configuration for it yet" in anonymous.get("/w/arriving").text


def test_who_is_signed_in_comes_to_the_phones_page(carol, phone, code):
    assert f'href="/phones/{phone.id}"' in carol.get(f"/w/{code}").text
    assert carol.post(f"/w/{code}").location == f"/phones/{phone.id}"


def test_who_may_see_no_phone_is_not_led_there(dave, phone, code):
    assert f"/phones/{phone.id}" not in dave.get(f"/w/{code}").text
    assert dave.post(f"/w/{code}").location == "/w/arriving"


def test_the_audit_says_who_made_the_code_and_from_where_it_was_used(anonymous, phone, code):
    anonymous.post(f"/w/{code}")
    rows = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    made = next(row for row in rows if (row.entity, row.action) == ("WalkIn", "create"))
    used = next(row for row in rows if (row.entity, row.action) == ("WalkIn", "use"))
    armed = [row for row in rows if row.entity == "Phone" and "armed_until" in (row.changes or {})]
    assert made.actor == "bob"
    assert (used.actor, used.changes["address"]) == ("label of bob", "127.0.0.1")
    assert armed[-1].actor == "label of bob"


def answer_of(client, path, method="GET"):
    answer = client.open(path, method=method)
    text = re.sub(r'name="csrf[-_]token" (content|value)="[^"]+"', "", answer.text)
    return answer.status_code, text, sorted(name for name, _ in answer.headers)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_used_expired_mistyped_and_invented_codes_are_answered_alike(app, bob, phone, method):
    stranger = app.test_client()
    used = CODE.search(labels(bob, phone).text)[1]
    stranger.post(f"/w/{used}")
    replaced = CODE.search(labels(bob, phone).text)[1]
    other = make_phone(mac="0c383e0000aa")
    expired = CODE.search(labels(bob, other).text)[1]
    db.session.scalar(select(WalkIn).where(WalkIn.phone_id == other.id)).expires_at = utcnow()
    commit()
    labels(bob, phone)
    invented = ("AAAA-BBBB-CCCC-DDDD", "x", "x" * 300, "é", "'--")
    answers = [
        answer_of(app.test_client(), f"/w/{c}", method)
        for c in (used, replaced, expired, *invented)
    ]
    assert {status for status, _, _ in answers} == {404}
    texts = {text for _, text, _ in answers}
    assert len(texts) == 1
    assert len({tuple(headers) for _, _, headers in answers}) == 1


def test_a_code_is_not_replayed(app, anonymous, phone, code):
    anonymous.post(f"/w/{code}")
    phone.disarm()
    commit()
    thief = app.test_client()
    assert thief.get(f"/w/{code}").status_code == 404
    assert thief.post(f"/w/{code}").status_code == 404
    assert thief.get("/w/arriving").status_code == 404
    db.session.expire_all()
    assert not phone.is_armed


def test_the_pass_of_one_label_cannot_be_made_up(app, anonymous, code):
    anonymous.post(f"/w/{code}")
    number = db.session.scalar(select(WalkIn.id))
    thief = app.test_client()
    for value in (str(number), f"{number}.x.y", "", "x"):
        thief.set_cookie("belldesk_walk_in", value, path="/w")
        assert thief.get("/w/arriving").status_code == 404


def test_who_guesses_is_not_heard_any_more_and_others_are(app, phone, code):
    guesser = app.test_client()
    here = {"REMOTE_ADDR": "203.0.113.5"}
    for number in range(25):
        path = f"/w/AAAA-BBBB-CCCC-{number:04d}"
        assert guesser.get(path, environ_overrides=here).status_code == 404
    assert guesser.get(f"/w/{code}", environ_overrides=here).status_code == 404
    other = app.test_client().get(f"/w/{code}", environ_overrides={"REMOTE_ADDR": "203.0.113.6"})
    assert other.status_code == 200


def test_a_guesser_is_known_by_the_whole_of_his_ipv6_network(app, phone, code):
    guesser = app.test_client()
    for number in range(25):
        here = {"REMOTE_ADDR": f"2001:db8:1:2::{number:x}"}
        guesser.get(f"/w/AAAA-BBBB-CCCC-{number:04d}", environ_overrides=here)
    here = {"REMOTE_ADDR": "2001:db8:1:2:ffff::1"}
    assert guesser.get(f"/w/{code}", environ_overrides=here).status_code == 404


def test_another_site_cannot_press_for_somebody(app, phone, code):
    app.config["WTF_CSRF_ENABLED"] = True
    assert app.test_client().post(f"/w/{code}").status_code == 422
    db.session.expire_all()
    assert not phone.is_armed


def test_the_code_is_in_no_log(app, phone, code, caplog):
    app.config["WTF_CSRF_ENABLED"] = True
    with caplog.at_level(logging.DEBUG):
        app.test_client().post(f"/w/{code}")
        app.test_client().get(f"/w/{code}/x")
    assert "/w/" in caplog.text
    assert code not in caplog.text


@pytest.mark.parametrize("name", ["carol", "dave"])
def test_who_may_not_change_phones_makes_no_labels(request, phone, name):
    client = request.getfixturevalue(name)
    assert labels(client, phone).status_code == 403
    assert "/phones/walk-in" not in client.get(f"/phones/{phone.id}").text
    assert db.session.scalar(select(func.count(WalkIn.id))) == 0


def test_phones_that_are_not_there_have_no_labels(bob, phone):
    assert bob.post("/phones/walk-in", data={"id": [999]}).status_code == 404
    assert bob.post("/phones/walk-in", data={}).status_code == 404


def test_too_many_are_said_to_be_too_many(bob, phone, monkeypatch):
    monkeypatch.setattr("webapp.phones.walk_in.MOST", 2)
    phones = [phone, *(make_phone(mac=f"0c383e0001{n:02x}") for n in range(2))]
    page = labels(bob, *phones).text
    assert len(CODE.findall(page)) == 2
    assert "Only the first 2 phones" in page


def test_the_list_and_the_phones_page_offer_them(bob, phone):
    assert 'formaction="/phones/walk-in"' in bob.get("/phones/").text
    assert 'action="/phones/walk-in"' in bob.get(f"/phones/{phone.id}").text
    assert db.session.scalar(select(func.count(Phone.id))) == 1
