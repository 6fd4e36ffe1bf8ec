"""Phones over the API: the page's services, validation and rights."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.webapp.api.program import Program, error
from tests.webapp.doors.cast import add_site
from tests.webapp.test_provision import make_phone
from webapp.extensions import db, utcnow
from webapp.models import ApiToken, AuditEntry, Line, Phone, Profile, User

MAC = "0c383e0a1b2c"
PHONE = {
    "mac": "0C:38:3E:0A:1B:2C",
    "model": "X1SG",
    "site": "Acme / Lisbon",
    "label": "Reception",
    "lines": [{"user": "1001", "password": "Unmistakable1", "server": "pbx"}],
}


@pytest.fixture
def bob(desk):
    return Program(desk).sign_in("bob")


def phone(mac=MAC):
    return db.session.scalar(Phone.with_mac(mac))


def macs(answer):
    assert answer.status_code == 200, answer.text
    return [row["mac"].replace(":", "") for row in answer.json["phones"]]


def test_a_phone_is_made_shown_and_listed(bob):
    made = bob.post("phones", PHONE)
    assert made.status_code == 201
    assert made.location == f"/api/v1/phones/{MAC}"
    shown = bob.get(f"phones/{MAC}").json
    assert shown == made.json == bob.get("phones").json["phones"][0]
    assert (shown["mac"], shown["state"]) == ("0c:38:3e:0a:1b:2c", "never")
    assert shown["model"] == "fanvil-x1sg"
    assert shown["site"]["name"] == "Acme / Lisbon"
    assert shown["lines"][0]["user"] == "1001"
    assert shown["lines"][0]["server"]["name"] == "pbx"
    assert phone().lines[0].password == "Unmistakable1"
    entry = db.session.scalar(select(AuditEntry).where(AuditEntry.entity == "Phone"))
    assert (entry.actor, entry.action) == ("bob", "create")


def test_a_mac_is_found_in_any_notation(bob):
    bob.post("phones", PHONE)
    for text in ("0C383E0A1B2C", "0c-38-3e-0a-1b-2c", "0c38.3e0a.1b2c"):
        assert bob.get(f"phones/{text}").status_code == 200


def test_no_answer_holds_a_secret(bob):
    answers = [bob.post("phones", PHONE), bob.get(f"phones/{MAC}"), bob.get("phones")]
    answers += [bob.get("sites"), bob.get("me"), bob.post("runs", {"all": True})]
    row = phone()
    secrets = ["Unmistakable1", row.admin_password, row.user_password, row.site.key]
    secrets += [row.site.key_digest, row.key or row.admin_password]
    for answer in answers:
        assert answer.status_code < 300
        assert not [secret for secret in secrets if secret in answer.text]
        assert "password" not in answer.text


def test_what_is_not_sent_stays_as_it_is(bob):
    bob.post("phones", PHONE)
    answer = bob.post("phones", {"mac": MAC, "label": "Front desk"})
    assert answer.status_code == 200
    assert (phone().label, phone().model) == ("Front desk", "fanvil-x1sg")
    assert phone().lines[0].password == "Unmistakable1"


def test_a_line_keeps_what_is_not_sent_and_others_go(bob):
    more = {"number": 2, "user": "1002", "password": "Another1", "server": "pbx"}
    bob.post("phones", PHONE | {"lines": [*PHONE["lines"], more]})
    lines = [{"number": 2, "user": "2002", "display_name": "Ana"}]
    answer = bob.post("phones", {"mac": MAC, "lines": lines})
    assert answer.status_code == 200, answer.text
    [line] = phone().lines
    assert (line.number, line.user, line.display_name) == (2, "2002", "Ana")
    assert line.password == "Another1"
    assert bob.post("phones", {"mac": MAC, "lines": []}).json["lines"] == []


def test_a_profile_is_set_and_taken_away(bob):
    db.session.add(Profile(name="Lobby"))
    db.session.commit()
    assert bob.post("phones", PHONE | {"profile": "lobby"}).json["profile"]["name"] == "Lobby"
    assert bob.post("phones", {"mac": MAC, "profile": None}).json["profile"] is None


LINE = PHONE["lines"][0]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"mac": "not a mac"}, "mac"),
        ({"mac": None}, "mac"),
        ({"mac": 7}, "mac"),
        ({"mac": ["0c383e0a1b2c"]}, "mac"),
        ({"mac": "805ec0000001"}, "mac"),  # Yealink's address, Fanvil's model
        ({"model": "no such model"}, "model"),
        ({"model": None}, "model"),
        ({"model": {}}, "model"),
        ({"site": "Atlantis"}, "site"),
        ({"site": 999}, "site"),
        ({"site": True}, "site"),
        ({"site": 10**30}, "site"),
        ({"site": "1 OR 1=1"}, "site"),
        ({"profile": "Atlantis"}, "profile"),
        ({"label": "a\nb"}, "label"),
        ({"label": "x" * 201}, "label"),
        ({"label": 5}, "label"),
        ({"lines": "x"}, "lines"),
        ({"lines": ["x"]}, "lines"),
        ({"lines": [LINE] * 65}, "lines"),
        ({"lines": [LINE | {"number": 99}]}, "lines[0].number"),
        ({"lines": [LINE | {"number": "1"}]}, "lines[0].number"),
        ({"lines": [LINE, LINE | {"number": 1}]}, "lines[1].number"),
        ({"lines": [LINE | {"user": ""}]}, "lines[0].user"),
        ({"lines": [LINE | {"user": "a\rb"}]}, "lines[0].user"),
        ({"lines": [LINE | {"password": ""}]}, "lines[0].password"),
        ({"lines": [LINE | {"server": "nowhere"}]}, "lines[0].server"),
        ({"lines": [LINE | {"id": 1}]}, "lines[0].id"),
        ({"admin_password": "mine"}, "admin_password"),
        ({"id": 1}, "id"),
    ],
    ids=str,
)
def test_a_refusal_names_the_field_and_writes_nothing(bob, changes, field):
    answer = bob.post("phones", PHONE | changes)
    assert error(answer) == (422, "invalid")
    assert answer.json["error"]["field"] == field
    assert db.session.scalar(select(func.count()).select_from(Phone)) == 0
    assert db.session.scalar(select(func.count()).select_from(Line)) == 0


def test_a_refused_change_leaves_the_phone_as_it_was(bob):
    bob.post("phones", PHONE)
    bad = {"mac": MAC, "label": "New", "lines": [LINE | {"user": "a\nb"}]}
    assert error(bob.post("phones", bad))[0] == 422
    assert (phone().label, phone().lines[0].user) == ("Reception", "1001")


def test_the_list_is_paged_by_key(bob):
    for number in range(5):
        make_phone(f"0c383e00000{number}")
    seen, after = [], None
    while True:
        answer = bob.get("phones?limit=2" + (f"&after={after}" if after else ""))
        seen += macs(answer)
        after = answer.json["after"]
        if after is None:
            break
    assert seen == [f"0c383e00000{number}" for number in range(5)]


def test_the_list_is_filtered(bob):
    make_phone("0c383e000001", label="Reception")
    other = make_phone("0c383e000002", model="fanvil-x1s")
    other.site = add_site("Porto")
    db.session.commit()
    for query, found in [
        ("q=reception", ["0c383e000001"]),
        ("q=0C:38:3E:00:00:02", ["0c383e000002"]),
        ("state=never", ["0c383e000001", "0c383e000002"]),
        ("state=current", []),
        ("site=Porto", ["0c383e000002"]),
        ("site=Acme / Porto", ["0c383e000002"]),
        (f"site={other.site_id}", ["0c383e000002"]),
        ("company=Acme&model=X1S", ["0c383e000002"]),
        ("vendor=yealink", []),
    ]:
        assert macs(bob.get(f"phones?{query}")) == found, query


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("stat=current", "stat"),
        ("state=curent", "state"),
        ("site=Atlantis", "site"),
        ("site=", "site"),
        ("site=1;DROP TABLE phones", "site"),
        ("model=' OR ''='", "model"),
        ("vendor=x", "vendor"),
        ("company=99999999999999999999", "company"),
        ("profile=x", "profile"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("after=x", "after"),
        ("after=", "after"),
        ("site=1&site=2", "site"),
    ],
)
def test_a_slip_in_a_filter_is_an_error_and_never_everything(bob, query, field):
    make_phone()
    answer = bob.get(f"phones?{query}")
    assert error(answer) == (422, "invalid")
    assert answer.json["error"]["field"] == field


@pytest.mark.parametrize("words", ["%", "_", "' OR 1=1 --", "\\", '"', "x' UNION SELECT 1 --"])
def test_words_of_sql_are_only_words(bob, words):
    make_phone()
    assert macs(bob.get("phones", query_string={"q": words})) == []


def test_a_phone_is_deleted_with_a_token_that_is_fresh(bob):
    bob.post("phones", PHONE)
    assert bob.delete(f"phones/{MAC}").status_code == 204
    assert phone() is None
    assert error(bob.delete(f"phones/{MAC}")) == (404, "not_found")
    entry = db.session.scalar(AuditEntry.newest_first())
    assert (entry.actor, entry.action, entry.changes["macs"]) == ("bob", "delete", [MAC])


def test_a_token_that_was_stolen_deletes_nothing(bob):
    bob.post("phones", PHONE)
    token = db.session.scalar(select(ApiToken))
    token.created_at = utcnow().replace(year=2020)
    db.session.commit()
    assert error(bob.delete(f"phones/{MAC}")) == (403, "fresh_token_needed")
    assert phone()


@pytest.mark.parametrize("mac", ["0c383e0000ff", "x", "..", "0c383e", "%27"])
def test_a_phone_that_is_not_there_is_404(bob, mac):
    assert error(bob.get(f"phones/{mac}")) == (404, "not_found")


def test_who_only_reads_writes_nothing(desk):
    carol = Program(desk).sign_in("carol")
    assert carol.get("phones").status_code == 200
    assert error(carol.post("phones", PHONE)) == (403, "forbidden")
    assert error(carol.delete(f"phones/{MAC}")) == (403, "forbidden")
    assert error(carol.post("runs", {"all": True})) == (403, "forbidden")
    assert phone() is None


def test_who_may_see_no_phones_sees_none(desk):
    assert error(Program(desk).sign_in("dave").get("phones")) == (403, "forbidden")


def test_rights_that_are_taken_away_are_gone_from_old_tokens_too(bob):
    from webapp.models import User

    person = db.session.scalar(User.named("bob"))
    person.department.permissions = frozenset({"phones.read"})
    db.session.commit()
    assert error(bob.post("phones", PHONE)) == (403, "forbidden")


def test_sites_are_listed_without_their_keys(bob):
    site = add_site("Porto")
    answer = bob.get("sites")
    assert [row["name"] for row in answer.json["sites"]] == ["Lisbon", "Porto"]
    assert site.key not in answer.text
    assert "key" not in answer.json["sites"][0]
    assert error(bob.get("sites?q=x"))[0] == 422


def test_a_window_is_opened_and_closed_and_shown(bob):
    shown = bob.post("phones", PHONE | {"armed_hours": 5}).json
    assert timedelta(hours=4) < phone().armed_until - utcnow() <= timedelta(hours=5)
    assert shown["armed_until"] and shown["pinned_network"] is None
    assert bob.post("phones", {"mac": MAC, "armed_hours": 0}).json["armed_until"] is None
    assert not phone().is_armed
    deeds = set(db.session.scalars(select(AuditEntry.action)))
    assert {"arm", "disarm"} <= deeds


def test_an_address_is_typed_and_taken_away_with_a_fresh_token(bob):
    sent = {"mac": MAC, "typed_address": "10.0.0.7"}
    assert bob.post("phones", PHONE | sent).json["typed_address"] == "10.0.0.7"
    db.session.scalar(select(ApiToken)).created_at = utcnow() - timedelta(minutes=6)
    db.session.commit()
    assert bob.post("phones", sent).status_code == 200, "nothing changes"
    elsewhere = bob.post("phones", sent | {"typed_address": "10.0.0.8"})
    assert error(elsewhere) == (403, "fresh_token_needed")
    assert error(bob.post("phones", sent | {"typed_address": None})) == (403, "fresh_token_needed")
    db.session.scalar(select(ApiToken)).created_at = utcnow()
    db.session.commit()
    assert bob.post("phones", sent | {"typed_address": None}).json["typed_address"] is None


def test_who_may_not_see_passwords_types_no_address(bob):
    """A push shows the phone's password to whoever is at the typed address."""
    user = db.session.scalar(User.named("bob"))
    user.department.permissions = user.department.permissions - {"phones.reveal"}
    db.session.commit()
    bob.post("phones", PHONE)
    answer = bob.post("phones", {"mac": MAC, "typed_address": "10.0.0.7"})
    assert error(answer) == (403, "forbidden")
    assert phone().address is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"armed_hours": -1}, "armed_hours"),
        ({"armed_hours": 721}, "armed_hours"),
        ({"armed_hours": "5"}, "armed_hours"),
        ({"armed_hours": True}, "armed_hours"),
        ({"armed_hours": None}, "armed_hours"),
        ({"typed_address": "desk.example"}, "typed_address"),
        ({"typed_address": "127.0.0.1"}, "typed_address"),
        ({"typed_address": 7}, "typed_address"),
        ({"typed_address": "10.0.0.9"}, "typed_address"),  # another phone's
    ],
    ids=str,
)
def test_a_window_or_an_address_that_is_none_changes_nothing(bob, changes, field):
    make_phone(address="10.0.0.9")
    answer = bob.post("phones", PHONE | changes)
    assert (error(answer), answer.json["error"]["field"]) == ((422, "invalid"), field)
    assert phone() is None
