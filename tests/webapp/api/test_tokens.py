"""The door of programs opens by a token that holds now, and by nothing else."""

import base64
import json
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest
from sqlalchemy import select

from tests.conftest import PASSWORD, client_of, make_config
from tests.webapp.api.program import Program, error
from webapp import create_app, tokens
from webapp.admin import services as people
from webapp.config import Config
from webapp.extensions import db, utcnow
from webapp.models import ApiToken, AuditEntry, SignIn, User

REFUSED = (401, "invalid_token")
pytestmark = pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")


def user(name):
    return db.session.scalar(User.named(name))


def row():
    return db.session.scalars(select(ApiToken)).one()


def signed_by(desk):
    return tokens.key(desk.extensions["belldesk"].secret_key)


def claims_of(program, **changes):
    """What is in the program's token, with some of it changed; None takes a claim away."""
    found = jwt.decode(program.token, options={"verify_signature": False})
    return {name: value for name, value in (found | changes).items() if value is not None}


def forged(desk, claims, algorithm="HS256", key=None):
    return jwt.encode(claims, signed_by(desk) if key is None else key, algorithm)


def test_a_password_buys_a_token_that_opens_the_api(desk):
    program = Program(desk)
    answer = program.post("token", {"name": "bob", "password": PASSWORD, "token_name": "nightly"})
    assert answer.status_code == 201
    assert answer.json["name"] == "nightly"
    assert answer.headers["Cache-Control"] == "no-store"
    program.token = answer.json["token"]
    me = program.get("me").json
    assert (me["name"], me["token"]["id"]) == ("bob", row().id)
    assert "phones.write" in me["permissions"]


def test_signing_in_for_a_token_is_in_the_log_and_its_making_in_the_audit(desk):
    Program(desk).sign_in("bob", token_name="nightly")
    attempt = db.session.scalar(SignIn.newest_first())
    assert (attempt.name, attempt.reason, attempt.address) == ("bob", "ok", "192.0.2.7")
    entry = db.session.scalar(AuditEntry.newest_first())
    assert (entry.actor, entry.action, entry.entity) == ("bob", "create", "ApiToken")
    assert row().jti not in json.dumps(entry.changes)


@pytest.mark.parametrize("name", ["bob", "nobody-of-this-name"])
def test_a_wrong_password_has_the_same_words_for_every_name(desk, name):
    answer = Program(desk).post("token", {"name": name, "password": "wrong"})
    assert error(answer) == (401, "wrong_credentials")
    assert answer.json["error"]["message"] == "Wrong user name or password."
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert db.session.scalar(select(ApiToken)) is None


def test_guessing_is_slowed_down_by_the_counters_of_the_sign_in_page(desk):
    program = Program(desk)
    for _ in range(5):
        program.post("token", {"name": "bob", "password": "wrong"})
    answer = program.post("token", {"name": "bob", "password": PASSWORD})
    assert error(answer) == (429, "too_many")
    assert 0 < int(answer.headers["Retry-After"]) <= 15
    desk.config["WTF_CSRF_ENABLED"] = False
    page = desk.test_client().post(
        "/login",
        data={"name": "bob", "password": PASSWORD},
        environ_base={"REMOTE_ADDR": program.address},
    )
    assert page.status_code == 429


def test_a_disabled_user_gets_no_token(desk):
    user("bob").active = False
    db.session.commit()
    answer = Program(desk).post("token", {"name": "bob", "password": PASSWORD})
    assert error(answer) == (403, "disabled")


@pytest.mark.parametrize(("env", "seconds"), [("prod", 86400), ("dev", 3600), ("test", 1)])
def test_the_lifetime_follows_the_environment(app, config, env, seconds):
    app.extensions["belldesk"] = replace(config, env=env, token_seconds=0)
    program = Program(app).sign_in("bob")
    assert row().expires_at - row().created_at == timedelta(seconds=seconds)
    claims = claims_of(program)
    assert seconds <= claims["exp"] - claims["iat"] <= seconds + 1


def test_the_setting_wins_over_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("BELLDESK_INSTANCE", str(tmp_path))
    monkeypatch.setenv("BELLDESK_TOKEN_SECONDS", "90")
    assert Config.from_environment().token_lifetime == timedelta(seconds=90)


def test_an_expired_token_is_refused(desk):
    program = Program(desk).sign_in("bob")
    row().expires_at = utcnow() - timedelta(milliseconds=1)
    db.session.commit()
    answer = program.get("me")
    assert error(answer) == REFUSED
    assert answer.json["error"]["message"] == "invalid or expired token"
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_a_token_expires_by_its_own_word_too(desk):
    program = Program(desk).sign_in("bob")
    past = int(utcnow().timestamp()) - 2 * tokens.LEEWAY
    program.token = forged(desk, claims_of(program, exp=past))
    assert error(program.get("me")) == REFUSED


def test_a_token_that_is_revoked_is_refused_at_once(desk):
    program, other = Program(desk).sign_in("bob"), Program(desk).sign_in("bob")
    assert program.delete("token").status_code == 204
    assert error(program.get("me")) == REFUSED
    assert other.get("me").status_code == 200


def test_another_process_that_revokes_it_is_heeded_at_once(desk):
    program = Program(desk).sign_in("bob")
    assert program.get("me").status_code == 200
    elsewhere = create_app(make_config(desk.instance_path, database_url=db_address()))
    with elsewhere.app_context():
        tokens.revoke(db.session.scalar(select(ApiToken)))
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    db.session.rollback()
    assert error(program.get("me")) == REFUSED


def db_address():
    return db.engine.url.render_as_string(hide_password=False)


def test_a_disabled_user_has_no_tokens_any_more_even_when_enabled_again(desk):
    program = Program(desk).sign_in("bob")
    people.disable(user("bob"))
    db.session.commit()
    assert error(program.get("me")) == REFUSED
    people.enable(user("bob"))
    db.session.commit()
    assert error(program.get("me")) == REFUSED


def test_a_user_who_is_switched_off_in_the_table_alone_is_out_too(desk):
    program = Program(desk).sign_in("bob")
    user("bob").active = False
    db.session.commit()
    assert error(program.get("me")) == REFUSED


def test_a_reset_password_revokes_every_token(desk):
    program = Program(desk).sign_in("bob")
    people.reset_password(user("bob"))
    db.session.commit()
    assert error(program.get("me")) == REFUSED


def test_a_password_that_changes_while_a_token_is_made_makes_none(desk):
    bob = user("bob")
    db.session.execute(
        User.__table__.update().where(User.id == bob.id).values(password_hash="another")
    )
    with pytest.raises(tokens.TokenError):
        tokens.issue(bob, "too late")


def test_who_must_choose_a_password_first_does_nothing_else(desk):
    program = Program(desk).sign_in("bob")
    user("bob").must_change_password = True
    db.session.commit()
    assert error(program.get("me")) == (403, "password_change_needed")


def test_the_signature_must_be_ours(desk):
    program = Program(desk).sign_in("bob")
    claims = claims_of(program)
    for key in ("for tests only", "for tests only".ljust(32), "x" * 32):
        program.token = forged(desk, claims, key=key)
        assert error(program.get("me")) == REFUSED


def b64(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS384", "HS512", "RS256", ""])
def test_no_other_algorithm_is_taken(desk, algorithm):
    program = Program(desk).sign_in("bob")
    claims = claims_of(program)
    if algorithm in ("HS384", "HS512"):
        program.token = forged(desk, claims, algorithm)
    else:
        head = b64({"alg": algorithm, "typ": "JWT"})
        signature = "" if algorithm.lower() == "none" else program.token.split(".")[2]
        program.token = f"{head}.{b64(claims)}.{signature}"
    assert error(program.get("me")) == REFUSED


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "belldesk-api:prod"},
        {"aud": ["belldesk-api:test", "belldesk-api:prod"]},
        {"aud": None},
        {"exp": None},
        {"iat": None},
        {"jti": None},
        {"sub": None},
        {"jti": "no-such-id"},
        {"jti": 7},
        {"sub": "not a number"},
        {"sub": 2},
        {"iat": 9_999_999_999},
        {"nbf": 9_999_999_999},
        {"exp": "soon"},
    ],
    ids=str,
)
def test_every_claim_must_be_there_and_right(desk, changes):
    program = Program(desk).sign_in("bob")
    program.token = forged(desk, claims_of(program))
    assert program.get("me").status_code == 200
    program.token = jwt.api_jws.encode(
        json.dumps(claims_of(program, **changes)).encode(), signed_by(desk), "HS256"
    )
    assert error(program.get("me")) == REFUSED


def test_the_id_of_another_persons_token_is_worth_nothing(desk):
    bob, alice = Program(desk).sign_in("bob"), Program(desk).sign_in("alice")
    hers = claims_of(alice)["jti"]
    bob.token = forged(desk, claims_of(bob, jti=hers))
    assert error(bob.get("me")) == REFUSED


@pytest.mark.parametrize(
    "sent",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer ..",
        "Bearer é.ü.ñ",
        "Bearer a=b",
        "Bearer " + "x" * 5000,
        "Bearer " + base64.urlsafe_b64encode(b"[" * 1400).decode() + ".e30.e30",
        "Bearer " + base64.urlsafe_b64encode(b"9" * 1400).decode().rstrip("=") + ".e30.e30",
        "Basic Ym9iOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==",
        "Token x",
    ],
    ids=lambda sent: sent[:20],
)
def test_what_is_no_token_is_refused_and_breaks_nothing(app, sent):
    answer = Program(app).get("me", headers={"Authorization": sent})
    assert error(answer) == REFUSED


def test_without_a_token_the_answer_says_what_is_missing(app):
    answer = Program(app).get("me")
    assert error(answer) == (401, "token_needed")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_session_cookie_does_not_open_the_api(app, bob):
    assert bob.get("/account").status_code == 200
    answer = bob.get("/api/v1/me")
    assert error(answer) == (401, "token_needed")
    assert "Set-Cookie" not in answer.headers


def test_with_both_the_token_says_who_it_is(app, bob, alices_program):
    sent = {"Authorization": f"Bearer {alices_program.token}"}
    answer = bob.get("/api/v1/me", headers=sent)
    assert answer.json["name"] == "alice"
    assert "Set-Cookie" not in answer.headers


def test_a_token_does_not_open_pages(app, alices_program):
    for path in ("/", "/account", "/admin/users", "/phones/"):
        answer = alices_program.get(path)
        assert (answer.status_code, answer.location.split("?")[0]) == (302, "/login")


def test_a_token_in_a_cookie_or_the_address_opens_nothing(app, alices_program):
    token, alices_program.token = alices_program.token, ""
    for name in ("token", "access_token"):
        assert error(alices_program.get(f"me?{name}={token}"))[0] == 401
    assert error(alices_program.get("me", headers={"Cookie": f"token={token}"}))[0] == 401


def test_its_use_is_noted_once_a_minute_at_most(desk):
    program = Program(desk).sign_in("bob")
    assert row().used_at is None
    program.get("me")
    first = row().used_at
    assert (utcnow() - first, row().used_from) < (timedelta(seconds=30), "192.0.2.7")
    program.address = "192.0.2.99"
    program.get("me")
    assert (row().used_at, row().used_from) == (first, "192.0.2.7")
    row().used_at = first - timedelta(seconds=61)
    db.session.commit()
    program.get("me")
    assert row().used_at > first - timedelta(seconds=61)
    assert row().used_from == "192.0.2.99"


def test_using_a_token_leaves_nothing_in_the_audit(desk):
    program = Program(desk).sign_in("bob")
    before = len(db.session.scalars(select(AuditEntry)).all())
    program.get("me")
    assert len(db.session.scalars(select(AuditEntry)).all()) == before


def test_the_token_itself_is_stored_nowhere(app, bobs_program):
    signature = bobs_program.token.split(".")[2]
    path = db.engine.url.database
    for suffix in ("", "-wal"):
        with open(path + suffix, "rb") as file:
            assert signature.encode() not in file.read()


def test_the_token_and_the_password_are_in_no_log(app, caplog):
    caplog.set_level("DEBUG")
    program = Program(app).sign_in("bob")
    program.get("no-such")
    program.get("me", headers={"Authorization": "Bearer wrong.wrong.wrong"})
    program.post("token", {"name": "bob", "password": "not my password"})
    for text in (program.token, "not my password", PASSWORD, "wrong.wrong"):
        assert text not in caplog.text


def test_a_page_that_is_left_open_sees_no_token_made_meanwhile(app, bob):
    """Tokens are shown once, on the page that made them; the list has none."""
    program = Program(app).sign_in("bob", token_name="laptop")
    assert program.token not in client_of(app, "bob").get("/account").text
