"""Signing in and out by the real pages."""

import pytest
from sqlalchemy import select

from tests.conftest import PASSWORD, client_of
from webapp.extensions import db
from webapp.models import SignIn, UserSession


def sign_in(client, name="bob", password=PASSWORD, **more):
    return client.post("/login", data={"name": name, "password": password, **more})


def test_the_right_password_leads_to_the_wanted_page(anonymous):
    answer = sign_in(anonymous, next="/account?tab=sessions")
    assert answer.status_code == 303
    assert answer.location == "/account?tab=sessions"


@pytest.mark.parametrize(("name", "password"), [("bob", "wrong"), ("nobody-at-all", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_read_alike(anonymous, name, password):
    answer = sign_in(anonymous, name, password)
    assert answer.status_code == 422
    assert "Wrong user name or password." in answer.text
    assert anonymous.get("/account").status_code == 302


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/a\r\nSet-Cookie: x=1",
        "evil.example",
        "///evil.example",
        "/phones\\..\\x",
    ],
)
def test_it_never_leads_to_another_site(anonymous, address):
    assert sign_in(anonymous, next=address).location == "/"


def test_a_good_and_a_bad_attempt_leave_two_rows(anonymous):
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    anonymous.post("/login", data={"name": "bob", "password": "x"}, headers={"User-Agent": agent})
    sign_in(anonymous)
    good, bad = db.session.scalars(SignIn.newest_first().limit(2))
    assert (good.success, good.reason, good.name, good.address) == (True, "ok", "bob", "127.0.0.1")
    assert (bad.success, bad.reason, bad.browser, bad.os) == (
        False, "wrong_password", "Firefox 128", "Linux",
    )  # fmt: skip


def test_a_copied_cookie_is_dead_after_signing_out(app, bob):
    cookie = bob.get_cookie("belldesk").value
    goodbye = bob.post("/logout", follow_redirects=True)
    assert "You are signed out" in goodbye.text
    thief = app.test_client()
    thief.set_cookie("belldesk", cookie)
    assert thief.get("/account").status_code == 302


def test_the_session_changes_at_sign_in(app, anonymous):
    anonymous.get("/login")
    before = anonymous.get_cookie("belldesk")
    sign_in(anonymous)
    assert anonymous.get_cookie("belldesk").value != (before and before.value)
    first = db.session.scalar(select(UserSession))
    client_of(app, "bob")
    assert first.digest != db.session.scalars(select(UserSession)).all()[-1].digest
