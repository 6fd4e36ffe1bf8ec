"""What nobody asks by accident: no address and no field breaks a page, on any database."""

import base64
import json
import logging

import pytest
from flask import url_for
from werkzeug.routing.converters import AnyConverter, NumberConverter

from tests.conftest import client_of
from tests.test_routes import APP, rules
from webapp.incoming import LARGEST_ID

SECRET = "".join(("s3", "cret"))  # a traceback quotes the source
LISTS = ("/phones/", "/admin/users", "/admin/audit", "/logs/http", "/imports/", "/adopt/")


def numbered(method, number):
    for rule in rules(method):
        kinds = rule._converters
        if any(isinstance(kind, NumberConverter) for kind in kinds.values()):
            values = {name: value_for(kind, number) for name, kind in kinds.items()}
            with APP.test_request_context("/", base_url="http://localhost"):
                yield url_for(rule.endpoint, **values)


def value_for(kind, number):
    if isinstance(kind, AnyConverter):
        return sorted(kind.items)[0]
    return number if isinstance(kind, NumberConverter) else "x"


def cursor(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


CURSORS = [
    *map(cursor, [["a"], [True], [10**30], ["\ud800"], ["\0"], [None], [1.5], ["a", 1], [1, "a"]]),
    *map(cursor, [[{"t": "0001-01-01T00:00:00+14:00"}], ["\ud800", 1], ["a", 2**31], {"t": 1}]),
    base64.urlsafe_b64encode(b"[" * 3000).decode(),
    "%%%",
]


@pytest.fixture
def everyone(everywhere):
    everywhere.config.update(WTF_CSRF_ENABLED=False, TESTING=False, PROPAGATE_EXCEPTIONS=False)
    yield client_of(everywhere, "alice")
    everywhere.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=None)


def test_a_row_number_no_database_can_hold_is_not_found(everyone):
    for number in (LARGEST_ID + 1, 10**30):
        assert {everyone.get(path).status_code for path in numbered("GET", number)} <= {404, 405}
        assert {everyone.post(path).status_code for path in numbered("POST", number)} <= {404, 405}
    assert everyone.get(f"/phones/{LARGEST_ID}").status_code == 404


@pytest.mark.parametrize("path", LISTS)
def test_an_invented_cursor_shows_the_first_page(everyone, path):
    for way in ("after", "before"):
        for made_up in CURSORS:
            assert everyone.get(path, query_string={way: made_up}).status_code == 200, made_up


def test_a_nul_is_refused_wherever_it_stands(everyone):
    for path in (*LISTS, "/files/", "/logs/http.csv", "/login"):
        assert everyone.get(path, query_string={"q": "a\0b"}).status_code == 400
    assert everyone.get("/phones/mac/a%00b").status_code == 400
    assert everyone.get("/files/view/%00").status_code == 400
    assert everyone.post("/login", data={"name": "a\0", "password": "x"}).status_code == 400
    assert everyone.post("/profiles/new", data={"name": "a\0b"}).status_code == 400


def test_a_moment_before_all_time_filters_nothing(everyone):
    for text in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert everyone.get("/phones/", query_string={"before_revision": text}).status_code == 200


def test_the_error_page_shows_itself_after_the_database_refused_a_statement(everyone, monkeypatch):
    def refused(*words):
        from webapp.extensions import db

        db.session.execute(db.text("SELECT nothing FROM nowhere"))

    monkeypatch.setattr("webapp.files.services.served", refused)
    answer = everyone.get("/files/")
    assert (answer.status_code, "</html>" in answer.text) == (500, True)


def test_the_log_of_an_error_has_no_forged_line_and_no_parameter(everyone, monkeypatch, caplog):
    def refused(user, name):
        from webapp.extensions import db

        db.session.execute(db.text("SELECT nothing FROM nowhere WHERE x = :x"), {"x": SECRET})

    monkeypatch.setattr("webapp.files.services.find", refused)
    with caplog.at_level(logging.ERROR):
        assert everyone.get("/files/view/a%0d%0areference=forged%1b[31m").status_code == 500
    assert "\nreference=forged" not in caplog.text
    assert "\x1b" not in caplog.text
    assert SECRET not in caplog.text
