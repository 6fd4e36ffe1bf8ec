import csv
import io

import pytest

from tests.webapp.doors.cast import AGENT, MAC, add_phone
from webapp.extensions import db
from webapp.models import Fetch


def add_fetch(**changes):
    values = {
        "transport": "http",
        "file": f"{MAC}.cfg",
        "mac": MAC,
        "address": "10.1.2.3",
        "user_agent": AGENT,
        "status": 200,
        "sent": 2048,
    }
    fetch = Fetch(**(values | changes))
    db.session.add(fetch)
    db.session.commit()
    return fetch


def refused(reason="unknown_phone", **changes):
    return add_fetch(status=404, reason=reason, sent=0, **changes)


def test_each_door_has_its_own_log(bob):
    add_fetch()
    add_fetch(transport="tftp", file="over-tftp.cfg", user_agent="")
    assert "over-tftp" not in bob.get("/logs/http").text
    page = bob.get("/logs/tftp").text
    assert "over-tftp.cfg" in page
    assert "User-Agent" not in page


def test_who_asked_by_pnp_has_a_log_too(bob):
    add_fetch(transport="pnp", file="Fanvil X1SG", method="SUB", sent=0)
    refused("other_mac", transport="pnp", file="Yealink T46S", method="SUB")
    page = bob.get("/logs/pnp").text
    for words in ("Fanvil X1SG", "told its address", "the link shows another MAC"):
        assert words in page
    assert "Fanvil X1SG" in bob.get("/logs/pnp.csv").text


def test_a_row_leads_to_its_phone(bob, site):
    phone = add_phone(site)
    add_fetch(phone_id=phone.id)
    add_fetch(phone_id=999)
    page = bob.get("/logs/http").text
    assert page.count(f'href="/phones/{phone.id}"') == 1
    assert "0c:38:3e:00:00:01" in page


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("unknown_phone", "no phone with this MAC is entered"),
        ("wrong_key", "the site key in the address is wrong"),
        ("no_revision", "has not been provisioned yet"),
        ("not_allowed", "from outside the site"),
    ],
)
def test_it_says_in_words_why_not(bob, reason, words):
    refused(reason)
    rows = bob.get("/logs/http", headers={"HX-Request": "true"}).text
    assert words in rows


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ({"result": "served"}, {"a.cfg"}),
        ({"result": "refused"}, {"b.cfg", "c.cfg"}),
        ({"result": "wrong_key"}, {"c.cfg"}),
        ({"q": "00:90:8F"}, {"b.cfg"}),
        ({"q": "0090.8f00"}, {"b.cfg"}),
        ({"q": "x1sg 10.1.2.3"}, {"a.cfg"}),
        ({"q": "B.CFG"}, {"b.cfg"}),
        ({"q": "100%"}, set()),
        ({"q": "_"}, set()),
        ({"q": "nothing like it"}, set()),
    ],
)
def test_filters(bob, filters, shown):
    add_fetch(file="a.cfg")
    refused(file="b.cfg", mac="00908f000001", user_agent="other", address="10.9.9.9")
    refused("wrong_key", file="c.cfg", mac="", user_agent="", address="10.9.9.9")
    page = bob.get("/logs/http", query_string=filters, headers={"HX-Request": "true"}).text
    assert {name for name in ("a.cfg", "b.cfg", "c.cfg") if f">{name}</code>" in page} == shown


def test_pages_follow_each_other_without_gaps(bob):
    db.session.add_all(
        Fetch(transport="http", file=f"f{n:03}.cfg", address="10.0.0.1", status=200)
        for n in range(120)
    )
    db.session.commit()
    seen, address = [], "/logs/http"
    while address:
        page = bob.get(address, headers={"HX-Request": "true"}).text
        seen += [part[:8] for part in page.split('<code class="text-nowrap">f')[1:]]
        after = page.rpartition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
        address = f"/logs/http{after}" if 'rel="next"' in page else None
    assert len(seen) == len(set(seen)) == 120


def test_it_follows_live_only_when_asked(bob):
    add_fetch()
    assert "every 2s" not in bob.get("/logs/http").text
    page = bob.get("/logs/http?live=1&result=served").text
    assert 'hx-trigger="every 2s"' in page
    assert "result=served" in page


def test_what_phones_send_stays_text(bob):
    evil = "<script>alert(1)</script>"
    add_fetch(user_agent=evil, file=evil, address=evil)
    page = bob.get("/logs/http").text
    assert evil not in page
    assert "&lt;script&gt;" in page


def rows_of(answer):
    return list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def test_the_csv_holds_what_is_filtered_and_no_formula(bob):
    add_fetch(user_agent='=HYPERLINK("http://evil")', file="@SUM(A1)")
    refused(file="other.cfg")
    answer = bob.get("/logs/http.csv?result=served")
    assert answer.mimetype == "text/csv"
    head, row = rows_of(answer)
    assert head[:2] == ["Time (UTC)", "MAC address"]
    assert row[1] == "0c:38:3e:00:00:01"
    assert row[3] == "'@SUM(A1)"
    assert row[5].startswith("'=HYPERLINK")


def test_there_is_no_csv_of_another_door(bob):
    assert bob.get("/logs/ftp.csv").status_code == 404


@pytest.mark.parametrize(
    "path", ["/logs/http", "/logs/tftp", "/logs/http.csv", "/logs/tftp-server", "/logs/ftp"]
)
def test_only_who_may_read_logs_reads_them(carol, dave, anonymous, path):
    assert carol.get(path).status_code == 403
    assert dave.get(path).status_code == 403
    assert anonymous.get(path).status_code == 302


def test_a_search_on_every_database(everywhere):
    from webapp.logs import services

    add_fetch(user_agent="Fanvil 100%_\\ X1SG")
    for q in ("100%_\\", "fanvil", "0C:38"):
        query = services.fetches("http", {"q": q})
        assert len(db.session.scalars(query).all()) == 1, q
