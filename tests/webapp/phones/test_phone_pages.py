import re

import pytest
from sqlalchemy import func, select

from tests.webapp.test_provision import make_phone
from webapp import provision
from webapp.extensions import db
from webapp.models import AuditEntry, Fetch, Line, Phone, Revision, SettingValue, SipServer, Site


def provisioned_phone(*names, **changes):
    phone = make_phone(*names, **changes)
    provision.revise([phone], origin="test")
    db.session.commit()
    return phone


def form_of(phone=None, **changes):
    site, server = db.session.scalar(select(Site)), db.session.scalar(select(SipServer))
    data = {
        "mac": "0C:38:3E:00:00:09", "model": "fanvil-x1sg", "site_id": site.id, "profile_id": 0,
        "label": "Reception", "lines-0-number": 1, "lines-0-user": "1009",
        "lines-0-password": "s3cret", "lines-0-sip_server_id": server.id,
    }  # fmt: skip
    if phone:
        data |= {"lines-0-id": phone.lines[0].id, "mac": phone.mac, "lines-0-password": ""}
    return data | changes


PAGES = ["", "/settings", "/file", "/revisions", "/fetches", "/trace", "/edit"]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_a_phone_opens(bob, page):
    phone = provisioned_phone()
    db.session.add(
        Fetch(transport="http", file="x.cfg", address="10.0.0.9", status=200, phone_id=phone.id)
    )
    db.session.commit()
    assert bob.get(f"/phones/{phone.id}{page}").status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_a_phone_that_is_not_there_is_not_found(bob, page):
    assert bob.get(f"/phones/999999{page}").status_code == 404


@pytest.mark.parametrize("page", PAGES[:-1])
def test_who_only_reads_sees_the_pages_without_their_deeds(carol, page):
    phone = provisioned_phone()
    text = carol.get(f"/phones/{phone.id}{page}").text
    assert "p&amp;w" not in text and "/edit" not in text
    assert "data-confirm=" not in text


def test_who_has_no_rights_sees_nothing(dave):
    phone = make_phone()
    for page in ("/phones/", f"/phones/{phone.id}", "/phones/phones.csv"):
        assert dave.get(page).status_code == 403


@pytest.mark.parametrize(
    "deed", ["edit", "delete", "settings", "file", "secrets/menu_pin", "lines/1/password"]
)
def test_who_only_reads_cannot_do_anything(carol, deed):
    phone = provisioned_phone()
    assert carol.post(f"/phones/{phone.id}/{deed}").status_code == 403
    assert db.session.scalar(select(func.count(Phone.id))) == 1


def test_a_phone_can_be_entered_by_hand(bob):
    answer = bob.post("/phones/new", data=form_of())
    phone = db.session.scalar(Phone.with_mac("0c383e000009"))
    assert answer.status_code == 303
    assert (phone.label, phone.lines[0].user, phone.lines[0].password) == (
        "Reception", "1009", "s3cret",
    )  # fmt: skip
    assert "1009" in phone.search and len(phone.admin_password) == 16


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("mac", "../x", "is not a MAC address"),
        ("mac", "00:90:8f:00:00:01", "belongs to AudioCodes"),
        ("model", "fanvil-x99", "Not a valid choice"),
        ("lines-0-number", "3", "has 2 lines"),
        ("lines-0-number", "", "On which line"),
        ("lines-0-display_name", "two\nlines", "Display name: a control character"),
        ("lines-0-user", "\x01", "a control character"),
        ("lines-0-password", "a\tb", "Password: a control character"),
        ("lines-0-password", "", "needs its password"),
        ("lines-0-label", "x" * 201, "longer than 200"),
        ("label", "x" * 201, "longer than 200"),
        ("label", "a\u2028b", "a control character"),
        ("lines-0-sip_server_id", "77", "Not a valid choice"),
        ("site_id", "77", "Not a valid choice"),
    ],
)
def test_it_refuses_at_the_field_what_no_file_could_carry(bob, field, value, words):
    answer = bob.post("/phones/new", data=form_of(**{field: value}))
    assert answer.status_code == 422
    assert words in answer.text
    assert db.session.scalar(select(func.count(Phone.id))) == 0


def test_an_audiocodes_with_lines_at_two_servers_is_refused_with_words(bob):
    db.session.add(other := SipServer(name="other", host="10.9.9.9"))
    db.session.commit()
    data = form_of(mac="00908f000001", model="audiocodes-405hd") | {
        "lines-1-number": 2, "lines-1-user": "2", "lines-1-password": "x",
        "lines-1-sip_server_id": other.id,
    }  # fmt: skip
    answer = bob.post("/phones/new", data=data)
    assert answer.status_code == 422 and "at one SIP server" in answer.text
    assert db.session.scalar(select(func.count(Phone.id))) == 0


def test_a_phone_is_not_entered_twice(bob):
    make_phone()
    answer = bob.post("/phones/new", data=form_of(mac="0c-38-3e-00-00-01"))
    assert answer.status_code == 422 and "already there" in answer.text


def test_an_empty_password_leaves_the_stored_one(bob):
    phone = make_phone()
    answer = bob.post(f"/phones/{phone.id}/edit", data=form_of(phone))
    assert answer.status_code == 303
    assert db.session.get(Line, phone.lines[0].id).password == "p&w<1"


def test_the_edit_page_does_not_hold_the_password(bob):
    phone = make_phone(password="Unmistakable1")
    assert "Unmistakable1" not in bob.get(f"/phones/{phone.id}/edit").text


def test_the_line_of_another_phone_does_not_lend_its_password(bob):
    phone, other = make_phone(), make_phone("0c383e000002", password="not yours")
    data = form_of(phone, **{"lines-0-id": other.lines[0].id})
    answer = bob.post(f"/phones/{phone.id}/edit", data=data)
    assert answer.status_code == 422 and "needs its password" in answer.text


def test_two_lines_can_change_places(bob):
    phone = make_phone()
    server = phone.lines[0].sip_server
    phone.lines.append(Line(number=2, user="1002", password="second", sip_server=server))
    db.session.commit()
    first, second = phone.lines
    data = form_of(phone) | {
        "lines-0-number": 2, "lines-0-user": "1001", "lines-1-id": second.id, "lines-1-number": 1,
        "lines-1-user": "1002", "lines-1-sip_server_id": server.id,
    }  # fmt: skip
    assert bob.post(f"/phones/{phone.id}/edit", data=data).status_code == 303
    assert [(line.user, line.password) for line in phone.lines] == [
        ("1002", "second"), ("1001", "p&w<1"),
    ]  # fmt: skip
    assert first.id


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_lines_are_added_and_removed_before_saving(bob, headers):
    data = form_of()
    more = bob.post("/phones/new", data=data | {"add_line": "1"}, headers=headers)
    assert 'name="lines-1-user"' in more.text and 'value="1009"' in more.text
    less = bob.post("/phones/new", data=data | {"remove_line": "0"}, headers=headers)
    assert 'name="lines-0-user"' not in less.text
    assert ("<html" in less.text) != bool(headers)
    assert db.session.scalar(select(func.count(Phone.id))) == 0


def test_names_are_shown_and_not_run(bob):
    phone = make_phone(label="<script>alert(1)</script>")
    phone.lines[0].display_name = '"><img src=x onerror=alert(2)>'
    provision.index(phone)
    db.session.commit()
    for page in ("/phones/", *(f"/phones/{phone.id}{page}" for page in PAGES)):
        text = bob.get(page).text
        assert "<script>alert" not in text and "<img src=x" not in text


def test_the_file_is_masked_until_shown_on_purpose(bob):
    phone = provisioned_phone(password="Unmistakable1")
    masked = bob.get(f"/phones/{phone.id}/file").text
    assert "Unmistakable1" not in masked and phone.admin_password not in masked
    assert phone.site.key not in masked and "PhoneNumber" in masked
    shown = bob.post(f"/phones/{phone.id}/file").text
    assert "Unmistakable1" in shown
    entry = db.session.scalar(AuditEntry.of("Phone", phone.id))
    assert (entry.action, entry.actor, entry.changes) == ("reveal", "bob", {"file": "revision 1"})


def test_a_phone_without_a_file_shows_what_its_first_would_be(bob):
    phone = make_phone(password="Unmistakable1")
    text = bob.get(f"/phones/{phone.id}/file").text
    assert "Preview" in text and "PhoneNumber" in text and "Unmistakable1" not in text


def test_the_download_is_the_very_file(bob):
    phone = provisioned_phone()
    answer = bob.post(f"/phones/{phone.id}/file", data={"download": "1"})
    assert answer.data == db.session.get(Revision, phone.revision_id).body
    assert answer.headers["Content-Disposition"] == 'attachment; filename="0c383e000001.cfg"'
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_secret_is_shown_on_purpose_and_recorded(bob):
    phone = make_phone()
    url = f"/phones/{phone.id}/lines/{phone.lines[0].id}/password"
    assert "p&amp;w&lt;1" in bob.post(url, headers={"HX-Request": "true"}).text
    assert phone.menu_pin in bob.post(f"/phones/{phone.id}/secrets/menu_pin").text
    changes = [entry.changes for entry in db.session.scalars(AuditEntry.of("Phone", phone.id))][:2]
    assert changes == [{"secret": "menu_pin"}, {"secret": "line 1"}]
    assert "p&w" not in str(changes)


def test_only_the_three_secrets_are_secrets(bob):
    phone = make_phone()
    assert bob.post(f"/phones/{phone.id}/secrets/search").status_code == 404


def test_what_belongs_to_another_phone_is_not_there(bob):
    phone, other = provisioned_phone(), provisioned_phone("0c383e000002")
    for method, url in [
        ("post", f"lines/{other.lines[0].id}/password"),
        ("post", f"revisions/{other.revision_id}/roll-back"),
        ("get", f"file?revision={other.revision_id}"),
        ("get", f"revisions?older={other.revision_id}&newer={other.revision_id}"),
    ]:
        assert getattr(bob, method)(f"/phones/{phone.id}/{url}").status_code == 404


def test_two_revisions_are_compared_without_their_secrets(bob):
    phone = provisioned_phone(password="FirstSecret")
    first = phone.revision_id
    phone.lines[0].display_name, phone.lines[0].password = "Reception", "SecondSecret"
    db.session.commit()
    provision.revise([phone])
    db.session.commit()
    text = bob.get(f"/phones/{phone.id}/revisions?older={first}&newer={phone.revision_id}").text
    assert "<ins>+ &lt;DisplayName&gt;Reception" in text
    assert "Secrets differ: RegisterPswd" in text
    assert "FirstSecret" not in text and "SecondSecret" not in text


def test_rolling_back_makes_an_older_file_the_newest(bob):
    phone = provisioned_phone()
    first = db.session.get(Revision, phone.revision_id)
    phone.lines[0].display_name = "New"
    db.session.commit()
    provision.revise([phone])
    db.session.commit()
    answer = bob.post(f"/phones/{phone.id}/revisions/{first.id}/roll-back")
    assert answer.status_code == 303
    assert phone.revision_sha256 == first.sha256
    assert db.session.scalar(AuditEntry.of("Phone", phone.id)).action == "roll back"


def test_a_setting_of_one_phone_is_set_and_inherited_again(bob):
    phone = make_phone()
    url = f"/phones/{phone.id}/settings"
    assert bob.post(url, data={"set:ntp.server": "ntp.own.test"}).status_code == 303
    text = bob.get(url).text
    assert "ntp.own.test" in text and "otherwise 200.160.7.186 (Vendor Fanvil)" in text
    bob.post(url, data={"inherit": "ntp.server", "set:ntp.server": "ntp.own.test"})
    assert db.session.scalar(select(func.count(SettingValue.id))) == 0


def test_a_bad_setting_is_refused_by_its_name(bob):
    phone = make_phone()
    answer = bob.post(f"/phones/{phone.id}/settings", data={"set:sip.port": "70000"})
    assert answer.status_code == 422
    assert re.search(r"SIP server port: .*70000.*is not a number", answer.text)


def test_deleting_a_phone_leaves_its_fetches(bob):
    phone = provisioned_phone()
    target = str(phone.id)
    db.session.add_all(
        [
            SettingValue(scope="phone", target=target, key="language", value="fr"),
            Fetch(transport="tftp", file="f", address="10.0.0.1", status=200, phone_id=phone.id),
        ]
    )
    db.session.commit()
    assert bob.post(f"/phones/{phone.id}/delete").status_code == 303
    for table, left in ((Phone, 0), (Line, 0), (Revision, 0), (SettingValue, 0), (Fetch, 1)):
        assert db.session.scalar(select(func.count()).select_from(table)) == left


def test_it_shows_what_the_door_would_answer_this_phone(bob):
    phone = provisioned_phone(password="Unmistakable1")
    url = f"/phones/{phone.id}/trace"
    text = bob.get(url).text
    assert "served" in text and "PhoneNumber" in text
    assert "Unmistakable1" not in text and phone.site.key not in text
    assert "in none of the site" in bob.post(url, data={"via": "tftp", "address": "8.8.8.8"}).text
    assert "not served under that name" in bob.post(url, data={"file": f"{phone.mac}.xml"}).text
    assert bob.post(url, data={"via": "tftp", "address": "what"}).status_code in (200, 422)
    assert "Unmistakable1" in bob.post(f"{url}/shown").text
    assert db.session.scalar(AuditEntry.of("Phone", phone.id)).action == "reveal"
    assert db.session.scalar(select(func.count(Fetch.id))) == 0


def test_who_may_not_reveal_may_not_fetch_secrets_either(carol):
    phone = provisioned_phone(password="Unmistakable1")
    assert carol.post(f"/phones/{phone.id}/trace/shown").status_code == 403
    assert "Unmistakable1" not in carol.post(f"/phones/{phone.id}/trace").text


@pytest.mark.parametrize(
    "endpoint",
    ["phones.delete", "phones.delete_many", "phones.file_shown", "phones.line_password",
     "phones.secret", "phones.trace_shown", "sites.dhcp_shown", "sites.reveal", "sites.rotate_key"],
)  # fmt: skip
def test_critical_deeds_ask_for_the_password_again(bob, endpoint):
    phone = make_phone()
    with bob.session_transaction() as session:
        session.pop("confirmed_at")
    ids = {"phone_id": phone.id, "line_id": phone.lines[0].id, "site_id": phone.site_id}
    rule = next(r for r in bob.application.url_map.iter_rules() if r.endpoint == endpoint)
    values = {name: ids.get(name, "menu_pin") for name in rule.arguments}
    with bob.application.test_request_context():
        url = bob.application.url_for(endpoint, **values)
    answer = bob.post(url, data={"id": phone.id, "overlap": "0"})
    assert answer.status_code == 403 and "Your password, please" in answer.text
    assert db.session.scalar(select(func.count(Phone.id))) == 1


@pytest.mark.parametrize("index", ["\u00b2", "1" * 5000, "x", ""])
def test_a_line_field_whose_number_is_none_is_passed_over(bob, index):
    assert bob.post("/phones/new", data={f"lines-{index}-user": "a"}).status_code == 422


def test_one_line_more_than_any_phone_has_is_not_added(bob):
    lines = {f"lines-{number}-user": "a" for number in range(100)}
    assert bob.post("/phones/new", data={"add_line": "1", **lines}).status_code == 200


def test_a_phone_whose_file_cannot_set_its_password_says_so(bob):
    phone = provisioned_phone("789912000001", model="flyingvoice-fip14g")
    assert "keeps its factory web password" in bob.get(f"/phones/{phone.id}").text
    other = provisioned_phone("0c383e000002")
    assert "factory web password" not in bob.get(f"/phones/{other.id}").text
