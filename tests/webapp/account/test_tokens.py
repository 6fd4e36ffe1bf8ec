"""One's own tokens on the pages: made with the password, shown once, revoked at once."""

import re
import time
from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.conftest import PASSWORD
from tests.webapp.api.program import Program, error
from webapp.extensions import db
from webapp.models import ApiToken, User


@pytest.fixture
def config(config):
    return replace(config, token_seconds=600)


def make(client, name="nightly", **more):
    return client.post("/account/tokens", data={"name": name, **more})


def shown(answer):
    found = re.search(r'id="token">([^<]+)<', answer.text)
    assert found, answer.text
    return found[1]


def rows():
    db.session.rollback()
    return list(db.session.scalars(select(ApiToken).order_by(ApiToken.id)))


def forget_the_password(client):
    with client.session_transaction() as session:
        session["confirmed_at"] = time.time() - 400


def test_a_token_is_shown_once_and_opens_the_api(app, bob):
    answer = make(bob)
    assert answer.status_code == 200
    token = shown(answer)
    assert f'data-copy="{token}"' in answer.text
    assert Program(app, token).get("me").json["token"]["name"] == "nightly"
    listed = bob.get("/account/tokens").text
    assert "nightly" in listed and token not in listed


def test_making_one_asks_for_the_password_again(app, bob):
    forget_the_password(bob)
    asked = make(bob)
    assert asked.status_code == 403 and 'type="password"' in asked.text
    assert make(bob, confirm_password="wrong").status_code == 403
    assert rows() == []
    assert shown(make(bob, confirm_password=PASSWORD))


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\u202eb"])
def test_a_token_needs_a_name_that_people_can_read(bob, name):
    assert make(bob, name).status_code == 422
    assert rows() == []


def test_one_is_revoked_and_the_others_stay(app, bob):
    first, second = (Program(app, shown(make(bob, name))) for name in ("one", "two"))
    answer = bob.post(f"/account/tokens/{rows()[0].id}/revoke")
    assert answer.status_code == 303
    assert error(first.get("me")) == (401, "invalid_token")
    assert second.get("me").status_code == 200
    assert "revoked" in bob.get("/account/tokens").text


def test_all_are_revoked(app, bob, carol):
    tokens = [Program(app, shown(make(bob, name))) for name in ("one", "two")]
    hers = Program(app, shown(make(carol)))
    bob.post("/account/tokens/revoke")
    assert [program.get("me").status_code for program in tokens] == [401, 401]
    assert hers.get("me").status_code == 200


def test_nobody_revokes_or_sees_anothers_here(app, bob, carol):
    make(carol, "her laptop")
    assert bob.post(f"/account/tokens/{rows()[0].id}/revoke").status_code == 404
    assert "her laptop" not in bob.get("/account/tokens").text
    assert rows()[0].state == "active"


def test_a_new_password_revokes_every_token(app, bob):
    program = Program(app, shown(make(bob)))
    new = "a sentence to remember"
    form = {"old": PASSWORD, "new": new, "again": new}
    assert bob.post("/account/password", data=form).status_code == 303
    assert error(program.get("me")) == (401, "invalid_token")


def test_the_first_visit_says_what_tokens_are_for(bob):
    assert "No tokens yet" in bob.get("/account/tokens").text


def test_an_administrator_sees_and_revokes_a_users_tokens(app, alice, bob):
    programs = [Program(app, shown(make(bob, name))) for name in ("<i>one", "two", "three")]
    number = db.session.scalar(User.named("bob")).id
    page = alice.get(f"/admin/users/{number}").text
    assert "&lt;i&gt;one" in page and "two" in page
    path = f"/admin/users/{number}/tokens"
    assert alice.post(f"{path}/{rows()[0].id}/revoke").status_code == 303
    assert [program.get("me").status_code for program in programs] == [401, 200, 200]
    alice.get("/account")  # takes the notice that names it
    assert "&lt;i&gt;one" not in alice.get(f"/admin/users/{number}").text
    assert alice.post(f"{path}/revoke").status_code == 303
    assert [program.get("me").status_code for program in programs] == [401, 401, 401]


def test_a_token_is_revoked_at_its_own_user_only(app, alice, bob, carol):
    make(carol)
    number = db.session.scalar(User.named("bob")).id
    answer = alice.post(f"/admin/users/{number}/tokens/{rows()[0].id}/revoke")
    assert answer.status_code == 404
    assert rows()[0].state == "active"


def test_who_may_not_manage_a_user_revokes_nothing(app, alice, bob):
    make(alice)
    department = db.session.scalar(User.named("bob")).department
    department.permissions = department.permissions | {"users.read", "users.write"}
    db.session.commit()
    number = db.session.scalar(User.named("alice")).id
    assert bob.post(f"/admin/users/{number}/tokens/revoke").status_code == 403
    assert rows()[0].state == "active"
