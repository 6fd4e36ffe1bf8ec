from datetime import timedelta

import pytest

from tests.webapp.phones.test_phone_list import client_everywhere
from tests.webapp.test_provision import make_phone
from webapp import provision
from webapp.extensions import db, utcnow
from webapp.jobs.counts import count_today
from webapp.models import DayCount, Fetch, Phone, Run, RunStep


def make_fleet():
    """One vulnerable, one outdated, one that said nothing, one that is silent."""
    make_phone("000b82000001", "grandstream-gxp1625", firmware="1.0.7.64")
    make_phone("0c383e000001", "fanvil-x1sg", firmware="2.4.10")
    make_phone("0c383e000002", "fanvil-x1sg")
    make_phone("0c383e000003", "fanvil-x1sg", firmware="2.4.12",
               fetched_sha256="0" * 64, fetched_at=utcnow() - timedelta(days=12))  # fmt: skip


def listed(client, **wanted):
    text = client.get("/phones/", query_string=wanted, headers={"HX-Request": "true"}).text
    macs = [phone.mac for phone in db.session.query(Phone).order_by(Phone.mac)]
    return [
        mac for mac in macs if ":".join(mac[n : n + 2] for n in range(0, 12, 2)) in text.lower()
    ]


def test_the_page_names_what_runs_and_what_should_not(everywhere):
    make_fleet()
    text = client_everywhere(everywhere, "carol").get("/firmware/").text
    assert "CVE-2026-2329" in text and "a stranger can take the phone over" in text
    assert "outdated: 2.4.12 is there" in text and "mended in 1.0.7.81" in text
    assert text.index("1.0.7.64") < text.index("2.4.10") < text.index("<code>2.4.12</code>")


def test_the_list_finds_phones_by_what_is_known_of_their_firmware(everywhere):
    make_fleet()
    client = client_everywhere(everywhere, "carol")
    assert listed(client, advice="vulnerable") == ["000b82000001"]
    assert listed(client, advice="outdated") == ["000b82000001", "0c383e000001"]
    assert listed(client, firmware="2.4.10") == ["0c383e000001"]
    assert listed(client, state="silent") == ["0c383e000003"]
    assert len(listed(client, advice="' OR 1=1 --")) == 4  # no such word: no filter


def test_a_silent_phone_says_for_how_long(carol):
    make_fleet()
    assert "silent for 12 days" in carol.get("/phones/").text


def test_who_has_not_taken_a_runs_file_is_a_filter_away(everywhere):
    client = client_everywhere(everywhere, "carol")
    slow, quick, newer = (make_phone(f"0c383e00000{n}") for n in (1, 2, 3))
    run = Run(total=3)
    db.session.add(run)
    db.session.flush()
    for phone, outcome in zip(
        (slow, quick, newer), provision.revise([slow, quick, newer]), strict=True
    ):
        assert outcome.phone_id == phone.id
        db.session.add(
            RunStep(run_id=run.id, phone_id=phone.id, state="done", revision_id=outcome.revision_id)
        )
    quick.fetched_revision_id = quick.revision_id
    newer.fetched_revision_id = newer.revision_id + 1000
    db.session.commit()
    assert listed(client, not_taken=str(run.id)) == [slow.mac]
    assert listed(client, not_taken="999999") == []


def test_each_day_is_counted_once_and_each_phone_in_one_state(everywhere):
    make_fleet()
    taken = make_phone("0c383e000009")
    provision.revise([taken])
    taken.fetched_sha256, taken.fetched_at = taken.revision_sha256, utcnow()
    values = {"transport": "http", "file": "x", "address": "10.0.0.1", "status": 200}
    db.session.add_all([Fetch(**values), Fetch(**values | {"status": 404, "reason": "wrong_key"})])
    db.session.add(Fetch(**values, at=utcnow() - timedelta(days=2)))
    db.session.commit()
    for _ in range(2):
        count_today()
        db.session.commit()
    [row] = db.session.query(DayCount).all()
    assert (row.current, row.stale, row.never, row.silent) == (1, 0, 3, 1)
    assert (row.fetches, row.refused) == (1, 1)


def test_the_desk_draws_the_days_and_names_what_is_silent(bob):
    make_fleet()
    db.session.add_all(
        DayCount(day=(utcnow() - timedelta(days=n)).date(), current=40 - n, stale=n, fetches=7)
        for n in range(3)
    )
    db.session.commit()
    text = bob.get("/").text
    assert "The last 3 days" in text and text.count("<rect") == 5
    assert "nothing heard for 7 days" in text and "their firmware has a published flaw" in text


@pytest.mark.parametrize("page", ["/firmware/", "/phones/?advice=vulnerable"])
def test_who_may_not_see_phones_sees_no_firmware(dave, page):
    assert dave.get(page).status_code == 403


def test_an_empty_fleet_is_told_what_to_wait_for(carol):
    assert "No phone has said yet what it runs" in carol.get("/firmware/").text
