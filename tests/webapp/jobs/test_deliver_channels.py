"""Where NOTIFY does not reach a phone: its web page, its shell, and whom we take for it."""

import pytest
from sqlalchemy import select

from provisioning.registry import registry
from provisioning.transports.sip_notify import Timers
from tests.provisioning.transports.push_phones import PASSWORD
from tests.provisioning.transports.push_phones import phone as double
from tests.webapp.jobs.reached import at, begin, seen_phones, steps_of, tries_of, words, work
from webapp.extensions import db
from webapp.jobs import crew
from webapp.models import Alert, Phone, PhonePin


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(crew, "TIMERS", Timers(t1=0.04))


@pytest.fixture
def at_port(monkeypatch):
    """Doubles listen where they may; a phone's ports are its vendor's."""

    def put(vendor, name, port):
        monkeypatch.setitem(registry().vendors[vendor].ports, name, port)

    return put


def known(model="fanvil-x1sg"):
    [number] = seen_phones([at(1)], model=model)
    phone = db.session.get(Phone, number)
    phone.admin_password = PASSWORD
    db.session.commit()
    return phone


def test_who_does_not_hear_notify_is_pushed_to_by_its_web_page_and_pinned(app, at_port):
    phone = known()
    with double("fanvil", "--tls", "--host", at(1)) as fanvil:
        at_port("fanvil", "https", fanvil.port)
        run_id = begin([phone.id])
        work(app)
    assert [(one.channel, one.success) for one in tries_of(run_id)][-1] == ("http", True)
    assert [step.state for step in steps_of(run_id)] == ["done"]
    pin = db.session.scalar(PhonePin.of(phone.id))
    assert (pin.kind, pin.offered) == ("https", None)
    assert pin.fingerprint.startswith("sha256:")


def test_another_certificate_than_the_pinned_one_gets_nothing_and_is_told(app, at_port):
    phone = known()
    for _ in range(2):
        with double("fanvil", "--tls", "--host", at(1)) as fanvil:  # each has one of its own
            at_port("fanvil", "https", fanvil.port)
            run_id = begin([phone.id])
            work(app)
            done = list(fanvil.done)
    assert done == []
    assert [step.state for step in steps_of(run_id)] == ["failed"]
    pin = db.session.scalar(PhonePin.of(phone.id))
    assert pin.offered not in (None, pin.fingerprint)
    [alert] = db.session.scalars(select(Alert))
    assert alert.kind == "identity"


def test_where_no_web_page_answers_the_shell_is_tried(app, at_port):
    phone = known("audiocodes-405hd")
    with double("audiocodes", "--ssh", "--host", at(1)) as audiocodes:
        at_port("audiocodes", "ssh", audiocodes.ssh)
        at_port("audiocodes", "https", 9)
        at_port("audiocodes", "http", 9)
        run_id = begin([phone.id])
        work(app)
    tries = [(one.channel, one.success) for one in tries_of(run_id)]
    assert tries[0] == ("notify", False)
    assert tries[-1] == ("ssh", True), [words(one) for one in tries_of(run_id)]
    assert db.session.scalar(PhonePin.of(phone.id)).kind == "ssh"


def test_no_record_of_a_push_holds_a_secret(app, at_port):
    phone = known()
    with double("fanvil", "--tls", "--host", at(1)) as fanvil:
        at_port("fanvil", "https", fanvil.port)
        run_id = begin([phone.id])
        work(app)
    told = " ".join(words(one) for one in [*tries_of(run_id), *steps_of(run_id)])
    for secret in (PASSWORD, phone.key, phone.lines[0].password, phone.site.key):
        assert secret not in told
