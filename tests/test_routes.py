"""Rules that every view of the application keeps, whoever wrote it."""

from pathlib import Path

import pytest
from flask import url_for
from sqlalchemy import select
from werkzeug.routing.converters import AnyConverter, NumberConverter

from tests.conftest import make_config
from webapp import create_app
from webapp.extensions import db
from webapp.models import PERMISSIONS, Department, User
from webapp.security import HEADERS

PUBLIC = {
    "static": "files of the pages",
    "auth.login": "the way in",
    "auth.logout": "a dead session must not be asked to sign in to sign out",
    "account.language": "the sign-in page is read before signing in",
    "account.theme": "the same",
    "setup.first": "its address is the secret",
    "walk_in.enter": "a field for the code of a label",
    "walk_in.show": "its address is the secret, on a label",
    "walk_in.use": "the same",
    "walk_in.arriving": "its cookie says who used a label",
    "api.sign_in_for_a_token": "the way in of programs",
}
APP = create_app(make_config(Path("/nonexistent")))


def views():
    return sorted(APP.view_functions)


def address(rule):
    """An address that the rule matches; nothing needs to exist there."""
    values = {name: sample(rule._converters[name]) for name in rule.arguments}
    with APP.test_request_context("/", base_url="http://localhost"):
        return url_for(rule.endpoint, **values)


def sample(converter):
    if isinstance(converter, AnyConverter):
        return sorted(converter.items)[0]
    return 1 if isinstance(converter, NumberConverter) else "x"


def rules(method):
    """The pages' rules; tests/webapp/api/test_every_view.py holds the same of the API."""
    pages = [rule for rule in APP.url_map.iter_rules() if not rule.endpoint.startswith("api.")]
    found = [rule for rule in pages if method in rule.methods]
    return sorted(found, key=lambda rule: (rule.endpoint, rule.rule))


def ids(rule):
    return f"{rule.endpoint} {rule.rule}"


@pytest.mark.parametrize("endpoint", views())
def test_every_view_has_exactly_one_access_mark(endpoint):
    if endpoint == "static":
        return
    mark = getattr(APP.view_functions[endpoint], "access", None)
    assert mark in {"public", "signed_in", *PERMISSIONS}, f"{endpoint} has no access mark"
    assert (mark == "public") == (endpoint in PUBLIC)


def test_the_list_of_public_views_has_no_dead_names():
    assert set(views()) >= set(PUBLIC)


@pytest.mark.parametrize("rule", rules("GET"), ids=ids)
def test_a_stranger_is_sent_to_sign_in_and_back(app, rule):
    path = address(rule)
    answer = app.test_client().get(path)
    if rule.endpoint in PUBLIC:
        assert answer.status_code in (200, 302, 404)
        return
    assert answer.status_code in (302, 303)
    assert answer.location.startswith("/login")
    if path != "/":
        with app.test_request_context():
            assert answer.location == url_for("auth.login", next=path)


@pytest.mark.parametrize("rule", rules("POST"), ids=ids)
def test_a_post_without_its_token_is_refused(app, alice, rule):
    """Of an administrator: a stranger is sent to the sign-in page before."""
    app.config["WTF_CSRF_ENABLED"] = True
    before = db.session.scalars(select(User.password_hash)).all()
    answer = alice.post(address(rule), data={"name": "alice", "password": "x"})
    assert answer.status_code == 422
    assert "form is too old" in answer.text
    assert db.session.scalars(select(User.password_hash)).all() == before


@pytest.mark.parametrize("rule", rules("POST"), ids=ids)
def test_a_stranger_with_a_token_cannot_post(anonymous, rule):
    answer = anonymous.post(address(rule))
    if rule.endpoint not in PUBLIC:
        assert answer.location == "/login"


@pytest.mark.parametrize("rule", rules("GET"), ids=ids)
def test_every_answer_has_the_security_headers(app, rule):
    answer = app.test_client().get(address(rule))
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert answer.headers["X-Request-ID"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def needing_a_permission(method):
    marks = {name: getattr(view, "access", "") for name, view in APP.view_functions.items()}
    return [rule for rule in rules(method) if marks[rule.endpoint] in PERMISSIONS]


@pytest.mark.parametrize("rule", needing_a_permission("GET"), ids=ids)
def test_without_the_permission_a_page_is_403(dave, rule):
    assert dave.get(address(rule)).status_code == 403


@pytest.mark.parametrize("rule", needing_a_permission("POST"), ids=ids)
def test_with_every_other_permission_a_deed_is_403(app, bob, rule):
    mark = APP.view_functions[rule.endpoint].access
    department = db.session.scalar(select(Department).where(Department.name == "technicians"))
    department.permissions = frozenset(PERMISSIONS) - {mark}
    db.session.commit()
    assert bob.post(address(rule)).status_code == 403


@pytest.mark.parametrize("rule", rules("GET"), ids=ids)
def test_no_page_breaks_for_an_administrator(alice, rule):
    assert alice.get(address(rule)).status_code in (200, 302, 303, 304, 404, 422)


def test_who_must_choose_a_password_reaches_nothing_else(app, alice):
    db.session.scalar(User.named("alice")).must_change_password = True
    db.session.commit()
    for rule in rules("GET"):
        if rule.endpoint not in PUBLIC and rule.endpoint != "account.password":
            assert alice.get(address(rule)).location == "/account/password", rule
    assert alice.get("/account/password").status_code == 200
