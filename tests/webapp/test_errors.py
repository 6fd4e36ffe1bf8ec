"""What goes wrong is answered with a reference that stands in the log."""

import logging
import re

import pytest
from sqlalchemy import text

from webapp.extensions import db

REFERENCE = re.compile(r"<code>([0-9a-f]{10})</code>")


def reference_in(answer):
    found = REFERENCE.search(answer.text).group(1)
    assert answer.headers["X-Request-ID"] == found
    return found


@pytest.mark.parametrize(
    ("code", "method", "path"),
    [
        (404, "GET", "/nothing"),
        (403, "GET", "/admin/users"),
        (422, "POST", "/account/language"),
        (422, "DELETE", "/account"),
    ],
)
def test_the_reference_of_an_error_page_is_in_the_log(carol, caplog, code, method, path):
    caplog.set_level(logging.INFO, "belldesk")
    answer = carol.open(path, method=method)
    assert answer.status_code in (code, 405)
    assert f"reference={reference_in(answer)} {answer.status_code} {method} {path} " in caplog.text


def test_a_line_break_in_an_address_forges_no_line_of_the_log(anonymous, caplog):
    caplog.set_level(logging.INFO, "belldesk")
    anonymous.get("/nothing%0Areference=forged")
    assert "\nreference=forged" not in caplog.text


def test_a_dead_database_ends_in_a_page_with_a_reference(app, bob, caplog):
    app.config["PROPAGATE_EXCEPTIONS"] = False
    db.session.execute(text("DROP TABLE user_sessions"))
    db.session.commit()
    answer = bob.get("/account")
    assert answer.status_code == 500
    assert f"reference={reference_in(answer)} GET /account" in caplog.text
    assert "Traceback" in caplog.text
    assert "user_sessions" not in answer.text


@pytest.fixture
def strict(app):
    """A browser without a session, with CSRF as in production."""
    return app.test_client()


def test_a_form_whose_session_has_run_out_leads_to_the_sign_in_page(strict):
    answer = strict.post("/account/time-zone", data={"time_zone": "UTC"})
    assert (answer.status_code, answer.location) == (302, "/login")


def test_a_fragment_whose_session_has_run_out_comes_back_to_its_page(strict):
    asking = {"HX-Request": "true", "HX-Current-URL": "http://desk/phones/?q=a"}
    answer = strict.post("/account/time-zone", headers=asking)
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"] == "/login?next=/phones/?q%3Da"


def test_a_form_of_a_public_page_that_is_too_old_says_so(strict, caplog):
    caplog.set_level(logging.INFO, "belldesk")
    answer = strict.post("/login", data={"name": "bob", "password": "x"})
    assert answer.status_code == 422
    assert "too old" in answer.text
    assert f"reference={reference_in(answer)} 422 POST /login " in caplog.text


def test_a_key_in_an_address_is_not_logged_where_no_door_for_phones_is_open(anonymous, caplog):
    caplog.set_level("INFO")
    anonymous.get("/p/a-key-of-a-site/0c383e000001.cfg")
    assert "/p/•••/0c383e000001.cfg" in caplog.text
    assert "a-key-of-a-site" not in caplog.text
