"""The codes on labels, in the database."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.webapp.test_provision import make_phone
from webapp import walk_in_codes
from webapp.audit import acting_as
from webapp.extensions import db, utcnow
from webapp.jobs.purge import purge
from webapp.models import AuditEntry, Phone, User, WalkIn


@pytest.fixture
def phone(everywhere):
    made = make_phone()
    made.disarm()
    made.pinned_network = "10.1.2.0/24"
    commit()
    return made


def commit():
    with acting_as("tests"):
        db.session.commit()


def label(*phones):
    with acting_as("bob"):
        made = walk_in_codes.make(phones, db.session.scalar(User.named("bob")))
        db.session.commit()
    return made[0].code


def test_a_code_opens_the_window_once_for_an_hour(phone):
    code = label(phone)
    found = walk_in_codes.find(code)
    assert walk_in_codes.use(found, "10.9.9.9")
    commit()
    left = phone.armed_until - utcnow()
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    assert phone.pinned_network is None
    assert walk_in_codes.find(code) is None
    assert not walk_in_codes.use(found, "10.9.9.9")


def test_it_does_not_shorten_a_window(phone):
    phone.armed_until = until = utcnow().replace(microsecond=0) + timedelta(hours=50)
    commit()
    walk_in_codes.use(walk_in_codes.find(label(phone)), "")
    commit()
    assert phone.armed_until == until


def test_it_is_stored_as_a_digest_only(phone):
    code = label(phone)
    [row] = db.session.scalars(select(WalkIn))
    stored = str([getattr(row, column.name) for column in WalkIn.__table__.columns])
    audit = str([(e.label, e.changes) for e in db.session.scalars(select(AuditEntry))])
    for spelling in (code, code.replace("-", ""), code.lower()):
        assert spelling not in stored
        assert spelling not in audit
    assert row.code_digest not in audit


@pytest.mark.parametrize("spell", [str.lower, lambda c: c.replace("-", ""),
                                   lambda c: f" {c.replace('-', ' ')} ",
                                   lambda c: c.replace("0", "o").replace("1", "l")])  # fmt: skip
def test_it_may_be_typed_as_people_type(phone, spell):
    assert walk_in_codes.find(spell(label(phone)))


def test_a_new_label_ends_the_one_before_it_but_not_another_phones(phone):
    other = make_phone(mac="0c383e000099")
    first, others = label(phone), label(other)
    second = label(phone)
    assert walk_in_codes.find(first) is None
    assert walk_in_codes.find(second)
    assert walk_in_codes.find(others)


def test_it_ends_in_time(phone):
    code = label(phone)
    row = db.session.scalar(select(WalkIn))
    assert abs(row.expires_at - utcnow() - timedelta(hours=24)) < timedelta(minutes=1)
    row.expires_at = utcnow() - timedelta(seconds=1)
    commit()
    assert walk_in_codes.find(code) is None
    assert not walk_in_codes.use(row, "")


def test_of_two_who_come_in_the_same_moment_one_is_let_in(everywhere, phone):
    code = label(phone)
    number = phone.id
    db.session.remove()
    both, done = threading.Barrier(2), []

    def come():
        with everywhere.app_context(), acting_as("tests"):
            found = walk_in_codes.find(code)
            both.wait(10)
            done.append(walk_in_codes.use(found, ""))
            db.session.commit()
            db.session.remove()

    threads = [threading.Thread(target=come) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == [False, True]
    assert db.session.get(Phone, number).is_armed


def test_old_ones_are_purged(phone):
    label(phone)
    row = db.session.scalar(select(WalkIn))
    assert purge(row.expires_at + timedelta(days=29))["labels"] == 0
    assert purge(row.expires_at + timedelta(days=31))["labels"] == 1


def test_it_goes_with_its_phone(phone):
    code = label(phone)
    db.session.delete(phone)
    commit()
    assert walk_in_codes.find(code) is None


def test_codes_are_long_and_no_two_alike():
    codes = {walk_in_codes.new_code() for _ in range(1000)}
    assert len(codes) == 1000
    assert {len(code.replace("-", "")) for code in codes} == {16}
    assert len(set("".join(codes))) == 33  # 5 bits a letter, and the dash
