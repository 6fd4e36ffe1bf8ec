"""Rules that every view of the API keeps, whoever wrote it."""

from pathlib import Path

import pytest
from sqlalchemy import select
from werkzeug.routing.converters import NumberConverter

from tests.conftest import make_config
from tests.webapp.api.program import Program, error
from webapp import create_app
from webapp.extensions import db
from webapp.models import PERMISSIONS, Department
from webapp.security import HEADERS

APP = create_app(make_config(Path("/nonexistent")))
METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH")
VIEWS = sorted(
    (method, rule.rule, rule.endpoint, rule)
    for rule in APP.url_map.iter_rules()
    for method in rule.methods & set(METHODS)
    if rule.endpoint.startswith("api.")
)
PRIVATE = [view for view in VIEWS if view[2] != "api.sign_in_for_a_token"]
SECRETS = ("password", "secret", "pin", "key", "digest", "hash")


def ids(view):
    return f"{view[0]} {view[1]}"


def every(views):
    return pytest.mark.parametrize("view", views, ids=ids)


def call(program, view, **how):
    method, _path, _endpoint, rule = view
    values = {
        name: "1" if isinstance(rule._converters[name], NumberConverter) else "0c383e000001"
        for name in rule.arguments
    }
    path = rule.rule
    for name, converter in rule._converters.items():
        path = path.replace(f"<{name}>", values[name]).replace(f"<int:{name}>", values[name])
        assert converter
    if method == "POST" and not how:
        how = {"json": {}}
    return program.ask(method, path, **how)


@every(PRIVATE)
def test_without_a_token_it_is_401(app, view):
    assert error(call(Program(app), view)) == (401, "token_needed")


@every(PRIVATE)
def test_with_a_browsers_session_alone_it_is_401(app, alice, view):
    program = Program(app)
    program.client = alice
    assert error(call(program, view)) == (401, "token_needed")


def marked(view):
    return APP.view_functions[view[2]].access


@every([view for view in VIEWS if marked(view) in PERMISSIONS])
def test_with_every_right_but_its_own_it_is_403_in_the_words_of_the_pages(app, view):
    department = db.session.scalar(select(Department).where(Department.name == "technicians"))
    department.permissions = frozenset(PERMISSIONS) - {marked(view)}
    db.session.commit()
    answer = call(Program(app).sign_in("bob"), view)
    assert error(answer) == (403, "forbidden")
    assert answer.json["error"]["message"] == "This is not yours to do"


@every(VIEWS)
def test_every_answer_is_json_with_the_security_headers_and_no_cookie(alices_program, view):
    answer = call(alices_program, view)
    assert answer.status_code < 500
    assert answer.status_code == 204 or answer.mimetype == "application/json"
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "Set-Cookie" not in answer.headers and "Cookie" not in answer.vary
    assert answer.headers["Cache-Control"] == "no-store"


BAD = {
    "no JSON": {"data": "{", "content_type": "application/json"},
    "a list": {"json": []},
    "null": {"data": "null", "content_type": "application/json"},
    "nested": {"data": "[" * 100_000, "content_type": "application/json"},
    "nested objects": {"data": '{"a":' * 900 + "1" + "}" * 900, "content_type": "application/json"},
    "a long number": {"data": '{"a": ' + "9" * 6000 + "}", "content_type": "application/json"},
    "no UTF-8": {"data": b'{"name": "\xff"}', "content_type": "application/json"},
    "NUL": {"data": r'{"name": "a\u0000b"}', "content_type": "application/json"},
    "half a pair": {"data": r'{"name": "\ud800"}', "content_type": "application/json"},
    "NUL as a name": {"data": r'{"\u0000": 1}', "content_type": "application/json"},
    "form": {"data": {"name": "bob"}},
    "text": {"data": "hello", "content_type": "text/plain"},
    "empty": {"data": b"", "content_type": "application/json"},
    "unknown field": {"json": {"surprise": 1}},
    "too large": {"data": b" " * (3 << 20) + b"{}", "content_type": "application/json"},
}


@pytest.mark.parametrize("bad", BAD)
@every([view for view in VIEWS if view[0] == "POST"])
def test_what_cannot_be_read_is_refused_in_words(alices_program, view, bad):
    status, _code = error(call(alices_program, view, **BAD[bad]))
    assert status in (400, 413, 415, 422)
    assert status == 413 or bad != "too large" or view[1].endswith("/imports")


def test_an_address_that_is_none_is_a_json_404(alices_program):
    for path in ("/api/v1/nothing", "/api/", "/api/v2/me", "/api/v1/phones/1/2/3"):
        assert error(alices_program.get(path)) == (404, "not_found")


def test_htmx_gets_json_here_too(app):
    answer = Program(app).get("/api/v1/nothing", headers={"HX-Request": "true"})
    assert error(answer) == (404, "not_found")


def test_another_method_is_405_and_says_which_there_are(alices_program):
    answer = alices_program.ask("PUT", "me")
    assert error(answer) == (405, "method_not_allowed")
    assert set(answer.allow) == {"GET", "HEAD", "OPTIONS"}


def test_what_breaks_is_a_json_500_with_the_logs_reference(alices_program, monkeypatch, caplog):
    def broken():
        raise RuntimeError("the secret is 12345")

    monkeypatch.setitem(alices_program.client.application.view_functions, "api.me", broken)
    broken.access = "public"
    answer = alices_program.get("me")
    assert error(answer) == (500, "internal")
    assert "12345" not in answer.text
    assert answer.json["error"]["reference"] in caplog.text


def test_an_upload_that_is_far_too_large_is_413(alices_program):
    kind = "multipart/form-data; boundary=x"
    answer = alices_program.post("imports", data=b"x" * (26 << 20), content_type=kind)
    assert error(answer) == (413, "too_large")
