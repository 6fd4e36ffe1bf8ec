"""One's own account: password, language, theme, sessions."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.conftest import PASSWORD, client_of
from webapp.extensions import db, utcnow
from webapp.models import SignIn, User, UserSession

NEW = "a sentence to remember"


def change(client, old=PASSWORD, new=NEW, again=NEW):
    return client.post("/account/password", data={"old": old, "new": new, "again": again})


def user(name):
    db.session.expire_all()
    return db.session.scalar(User.named(name))


def test_a_new_password_ends_the_sessions_elsewhere(app, bob):
    elsewhere = client_of(app, "bob")
    assert change(bob).status_code == 303
    assert bob.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 302
    assert bob.post("/login", data={"name": "bob", "password": PASSWORD}).status_code == 422


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"old": "wrong"}, "not your present password"),
        ({"new": "short", "again": "short"}, "at least 10"),
        ({"new": "i am bob and long", "again": "i am bob and long"}, "contain the user name"),
        ({"new": "abababababab", "again": "abababababab"}, "repeats too few"),
        ({"new": PASSWORD, "again": PASSWORD}, "is the present one"),
        ({"again": "something else"}, "passwords differ"),
        ({"new": "x" * 300, "again": "x" * 300}, "at most 200"),
    ],
)
def test_each_broken_rule_has_its_words_and_changes_nothing(bob, form, words):
    before = user("bob").password_hash
    answer = change(bob, **form)
    assert answer.status_code == 422
    assert words in answer.text
    assert user("bob").password_hash == before


def test_a_stolen_session_cannot_guess_the_password_for_ever(bob):
    for _ in range(5):
        change(bob, old="wrong")
    assert "Too many wrong passwords" in change(bob).text
    assert db.session.scalar(SignIn.newest_first()).reason == "throttled"


def test_the_language_holds_for_the_account(app, bob):
    assert bob.post("/account/language", data={"language": "fr", "next": "/account?"}).location == (
        "/account"
    )
    assert user("bob").language == "fr"
    assert '<html lang="fr"' in client_of(app, "bob").get("/account").text


def test_a_stranger_chooses_a_language_for_the_sign_in_page(anonymous):
    anonymous.post("/account/language", data={"language": "pt_BR"})
    assert '<html lang="pt' in anonymous.get("/login").text


@pytest.mark.parametrize(("path", "key"), [("language", "language"), ("theme", "theme")])
def test_an_unknown_choice_is_refused(bob, path, key):
    assert bob.post(f"/account/{path}", data={key: "<script>"}).status_code == 422


def test_the_language_switch_leads_nowhere_else(bob):
    form = {"language": "fr", "next": "//evil.example"}
    assert bob.post("/account/language", data=form).location == "/"


def test_the_theme_is_kept(bob):
    assert bob.post("/account/theme", data={"theme": "dark"}).status_code == 204
    assert user("bob").theme == "dark"


def test_the_time_zone_is_kept_and_must_exist(bob):
    bob.post("/account/time-zone", data={"time_zone": "Europe/Lisbon"})
    assert user("bob").time_zone == "Europe/Lisbon"
    assert bob.post("/account/time-zone", data={"time_zone": "../../etc"}).status_code == 422


def test_one_ends_an_own_session_and_no_others(app, bob, carol):
    elsewhere = client_of(app, "bob")
    mine = db.session.scalars(select(UserSession).where(UserSession.user == user("bob"))).all()
    hers = db.session.scalar(select(UserSession).where(UserSession.user == user("carol")))
    assert bob.post(f"/account/sessions/{hers.id}/end").status_code == 404
    assert carol.get("/account").status_code == 200
    bob.post(f"/account/sessions/{mine[-1].id}/end")
    assert elsewhere.get("/account").status_code == 302
    assert bob.get("/account").status_code == 200


def aged(**delta):
    db.session.expire_all()
    for one in db.session.scalars(select(UserSession)):
        one.seen_at = utcnow() - timedelta(**delta)
    db.session.commit()


def test_a_session_ends_when_it_was_not_used_for_its_lifetime(bob):
    aged(minutes=61)
    assert bob.get("/account").status_code == 302


def test_using_a_session_keeps_it_alive(bob):
    aged(minutes=59)
    assert bob.get("/account").status_code == 200
    db.session.expire_all()
    seen = db.session.scalar(select(UserSession)).seen_at
    assert utcnow() - seen < timedelta(minutes=1)


def test_the_use_is_noted_once_a_minute_at_most(bob):
    aged(seconds=30)
    before = db.session.scalar(select(UserSession)).seen_at
    bob.get("/account")
    db.session.expire_all()
    assert db.session.scalar(select(UserSession)).seen_at == before
