"""Guessing passwords gets slow; the people who work here stay able to sign in."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.conftest import PASSWORD
from webapp import throttle
from webapp.extensions import db, utcnow
from webapp.models import SignIn


@pytest.fixture
def desk(everywhere):
    everywhere.config["WTF_CSRF_ENABLED"] = False
    return everywhere


def attempt(desk, name="bob", password="wrong", address="203.0.113.9", client=None):
    client = client or desk.test_client()
    form = {"name": name, "password": password}
    return client.post("/login", data=form, environ_base={"REMOTE_ADDR": address})


def fail(desk, times, **how):
    return [attempt(desk, **how).status_code for _ in range(times)]


def failed(count, name="bob", address="203.0.113.9", ago=timedelta(0)):
    """Rows as so many failures leave them; the pages themselves would take too long."""
    row = {"name": name, "success": False, "reason": "wrong_password", "at": utcnow() - ago}
    rows = [row | {"address": address.format(n)} for n in range(count)]
    db.session.execute(SignIn.__table__.insert(), rows)
    db.session.commit()


def later(**delta):
    """Let time pass: what was written is so much older."""
    for row in db.session.scalars(select(SignIn)):
        row.at -= timedelta(**delta)
    db.session.commit()


def throttled_rows():
    return db.session.scalar(
        select(func.count()).select_from(SignIn).where(SignIn.reason == "throttled")
    )


def test_after_five_failures_even_the_right_password_waits(desk):
    assert fail(desk, 5) == [422] * 5
    answer = attempt(desk, password=PASSWORD)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 15
    assert "Too many wrong passwords. Wait" in answer.text
    later(seconds=16)
    assert attempt(desk, password=PASSWORD).status_code == 303


def test_the_wait_grows_to_a_quarter_of_an_hour_and_no_further():
    waits = [throttle.penalty(failures, 5) for failures in range(4, 14)]
    assert waits == [0, 15, 30, 60, 120, 240, 480, 900, 900, 900]
    assert throttle.penalty(10**6, 5) == 900


def test_trying_on_does_not_make_the_wait_longer(desk):
    fail(desk, 5)
    later(seconds=10)
    assert fail(desk, 3) == [429] * 3
    later(seconds=6)
    assert attempt(desk, password=PASSWORD).status_code == 303


def test_a_flood_of_refused_attempts_leaves_one_row(desk):
    fail(desk, 5)
    fail(desk, 6)
    assert throttled_rows() == 1


def test_a_flood_of_names_from_one_address_leaves_one_row(desk):
    failed(30, name="someone")
    for number in range(6):
        assert attempt(desk, name=f"guess{number}").status_code == 429
    assert throttled_rows() == 1


def test_a_success_forgives_the_failures_before_it(desk):
    fail(desk, 4)
    attempt(desk, password=PASSWORD)
    assert fail(desk, 5) == [422] * 5


def test_a_botnet_makes_the_account_wait_for_strangers(desk):
    failed(20, address="198.51.100.{}")
    assert attempt(desk, address="192.0.2.77").status_code == 429


def test_a_botnet_does_not_lock_the_user_out_of_the_place_they_work_at(desk):
    assert attempt(desk, password=PASSWORD, address="10.1.1.1").status_code == 303
    failed(200, address="198.51.100.{}")
    assert attempt(desk, password=PASSWORD, address="10.1.1.1").status_code == 303


def test_a_botnet_does_not_lock_a_known_browser_out(desk):
    browser = desk.test_client()
    assert attempt(desk, password=PASSWORD, client=browser).status_code == 303
    failed(200, address="198.51.100.{}")
    answer = attempt(desk, password=PASSWORD, client=browser, address="192.0.2.88")
    assert answer.status_code == 303
    assert attempt(desk, password=PASSWORD, address="192.0.2.88").status_code == 303


def test_a_forged_browser_cookie_is_worth_nothing(desk):
    failed(20, address="198.51.100.{}")
    browser = desk.test_client()
    browser.set_cookie("belldesk_device", "ImJvYiI.forged.forged", path="/login")
    assert attempt(desk, client=browser, address="192.0.2.99").status_code == 429


def test_a_browser_known_to_one_account_is_a_stranger_to_the_others(desk):
    browser = desk.test_client()
    attempt(desk, name="carol", password=PASSWORD, client=browser, address="192.0.2.1")
    failed(20, address="198.51.100.{}")
    assert attempt(desk, client=browser, address="192.0.2.99").status_code == 429


def test_one_password_tried_on_every_account_gets_slow(desk):
    failed(30, name="someone")
    assert attempt(desk, name="carol").status_code == 429
    assert attempt(desk, name="carol", address="192.0.2.5").status_code == 422


def test_a_colleague_behind_the_same_address_still_gets_in(desk):
    attempt(desk, name="carol", password=PASSWORD)
    failed(60, name="someone")
    assert attempt(desk, name="carol", password=PASSWORD).status_code == 303


def test_an_hour_later_all_is_forgotten(desk):
    failed(300, ago=timedelta(minutes=61))
    assert attempt(desk, password=PASSWORD).status_code == 303


def test_a_volley_at_one_moment_is_counted(desk):
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(lambda _: attempt(desk).status_code, range(12)))
    assert 1 <= codes.count(422) <= 6
    assert codes.count(429) >= 6


def test_an_unknown_name_waits_just_the_same(desk):
    assert fail(desk, 6, name="nobody-at-all") == [422] * 5 + [429]


@pytest.mark.parametrize(
    "name", ["' OR 1=1 --", "%", "_ob", "bob\x01", "\ud83d", "ü" * 5000, "bob\r\nok admin"]
)
def test_hostile_names_are_only_names(desk, name):
    form = {"name": name.encode("utf-8", "surrogatepass"), "password": "x"}
    answer = desk.test_client().post("/login", data=form, headers={"User-Agent": "x" * 9000})
    assert answer.status_code == 422
    row = db.session.scalar(SignIn.newest_first())
    assert row.name.isprintable()
    assert len(row.name) <= 50
    assert len(row.user_agent) <= 300
    assert row.reason == "unknown_user"


def test_a_password_of_a_megabyte_is_just_wrong(desk):
    assert attempt(desk, password="x" * 1_000_000).status_code in (413, 422)
