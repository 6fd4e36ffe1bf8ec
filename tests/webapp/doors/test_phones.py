"""The phones' door over WSGI: who is served, and that all the others see the same."""

import hashlib
from datetime import timedelta

import pytest

from tests.webapp.doors.cast import AGENT, BODY, MAC, add_phone, add_revision, add_site, commit
from webapp.extensions import utcnow
from webapp.models import Fetch

ETAG = f'"{hashlib.sha256(BODY).hexdigest()}"'
NAMES = (
    f"{MAC}.cfg",
    f"{MAC.upper()}.cfg",
    f"{MAC.upper()}.CFG",
    "0c:38:3e:00:00:01.cfg",
    "0C-38-3E-00-00-01.cfg",
    f"/{MAC}.cfg",
    f"{MAC}.cfg?version=2&mac=1",
)


def test_it_serves_a_phone_its_file_on_every_database(door_everywhere):
    answer = door_everywhere.ask(f"{MAC}.cfg")
    assert (answer.status_code, answer.data) == (200, BODY)


@pytest.mark.parametrize("name", NAMES)
def test_it_knows_the_file_in_every_notation(door, name):
    assert door.ask(name).data == BODY


def test_it_says_what_the_file_is(door):
    headers = door.ask(f"{MAC}.cfg").headers
    assert headers["Content-Length"] == str(len(BODY))
    assert headers["Content-Type"] == "text/xml"
    assert headers["ETag"] == ETAG
    assert headers["Cache-Control"] == "no-store"


def test_head_says_the_same_without_the_file(door):
    got, head = door.ask(f"{MAC}.cfg"), door.ask(f"{MAC}.cfg", method="HEAD")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers == got.headers


@pytest.mark.parametrize("known", [ETAG, f'"old", {ETAG}', "*", f"W/{ETAG}"])
def test_it_does_not_send_what_the_phone_has(door, known):
    answer = door.ask(f"{MAC}.cfg", headers={"If-None-Match": known})
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == ETAG


def test_it_sends_a_newer_revision(door):
    add_revision(door.phone, b"newer")
    commit()
    answer = door.ask(f"{MAC}.cfg", headers={"If-None-Match": ETAG})
    assert (answer.status_code, answer.data) == (200, b"newer")


def refused(door):
    """Every way not to be served: (what was asked for, with which key, how)."""
    other = add_site()
    add_phone(other, "0c383e0000aa")
    add_phone(door.site, "0c383e000002", body=None)
    add_phone(door.site, "0c383e000003", model="gone-from-the-catalogue")
    yield "ffffffffffff.cfg", None, "GET"
    yield f"{MAC}.cfg", "wrong", "GET"
    yield f"{MAC}.cfg", "", "GET"
    yield f"{MAC}.cfg", other.key, "GET"
    yield "0c383e0000aa.cfg", None, "GET"
    yield f"{MAC}.xml", None, "GET"
    yield f"{MAC}", None, "GET"
    yield "0c383e000002.cfg", None, "GET"
    yield "0c383e000003.cfg", None, "GET"
    yield "", None, "GET"
    yield "f0X1SGhw1.0.cfg", None, "GET"
    yield "../../etc/passwd", None, "GET"
    yield f"../{MAC}.cfg", None, "GET"
    yield f"sub/{MAC}.cfg", None, "GET"
    yield f"{MAC}.cfg%00", None, "GET"
    yield "%ff%fe%00", None, "GET"
    yield "x" * 5000, None, "GET"
    yield f"{MAC}.cfg", door.key.swapcase(), "GET"
    yield f"{MAC}.cfg", "%ff", "GET"
    yield f"{MAC}.cfg", None, "PUT"
    yield f"{MAC}.cfg", None, "POST"
    yield f"{MAC}.cfg", None, "PROPFIND"
    for last in range(2, 40):  # a walk over the neighbours, with another site's key
        yield f"0c383e0000{last:02x}.cfg", other.key, "GET"


def test_whatever_is_refused_is_refused_alike(door):
    seen = set()
    for file, key, method in refused(door):
        answer = door.ask(file, key, method, headers={"User-Agent": AGENT})
        seen.add((answer.status, tuple(answer.headers), answer.data))
    assert seen == {
        (
            "404 Not Found",
            (
                ("Content-Type", "text/plain"),
                ("Content-Length", "10"),
                ("Cache-Control", "no-store"),
            ),
            b"Not found\n",
        )
    }


def test_the_log_knows_why(door):
    add_phone(door.site, "0c383e000002", body=None)
    door.ask(f"{MAC}.cfg", "wrong")
    door.ask(f"{MAC}.xml")
    door.ask("0c383e000002.cfg")
    door.ask("0c383e000009.cfg")
    door.ask("0c383e000009.cfg", "wrong")
    reasons = [fetch.reason for fetch in door.logged(Fetch.newest_first())]
    assert reasons[::-1] == [
        "wrong_key", "unknown_file", "no_revision", "unknown_phone", "wrong_key"
    ]  # fmt: skip


def test_the_previous_key_opens_until_its_time_is_over(door):
    old = door.key
    door.site.new_key(utcnow() + timedelta(hours=1))
    commit()
    assert door.ask(f"{MAC}.cfg", old).data == BODY
    assert door.ask(f"{MAC}.cfg", door.site.key).data == BODY
    door.site.previous_until = utcnow() - timedelta(seconds=1)
    commit()
    assert door.ask(f"{MAC}.cfg", old).status_code == 404


def test_a_key_without_overlap_is_dead_at_once(door):
    door.site.new_key()
    commit()
    assert door.ask(f"{MAC}.cfg").status_code == 404


def test_pages_beside_the_door_are_flasks(door):
    assert door.client.get("/p").headers["Content-Type"].startswith("text/html")


def test_an_upload_is_read_and_refused(door):
    answer = door.ask("boot.log", method="PUT", data=b"x" * 100_000)
    assert answer.status_code == 404


@pytest.mark.parametrize("prefix", ["//p", "///p", "/P"])
def test_a_key_behind_another_spelling_of_the_prefix_is_refused_alike_and_not_logged(
    door, caplog, prefix
):
    caplog.set_level("INFO")
    plain = door.client.get(f"/p/{door.key}/ffffffffffff.cfg")
    answer = door.client.get("/", environ_overrides={"PATH_INFO": f"{prefix}/{door.key}/none.cfg"})
    assert (answer.status, answer.data) == (plain.status, plain.data)
    assert tuple(answer.headers) == tuple(plain.headers)
    assert door.key not in caplog.text
