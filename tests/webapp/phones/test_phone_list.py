import csv
import io
import re
import time

import pytest
from sqlalchemy import func, insert, select
from werkzeug.datastructures import MultiDict

from tests.conftest import client_of
from tests.webapp.test_provision import make_phone
from webapp import provision
from webapp.extensions import db, utcnow
from webapp.models import AuditEntry, Company, Line, Phone, Profile, Site, User
from webapp.selection import chosen, filtered


def shown(text):
    """The MAC addresses in the rows, in their order."""
    return [mac.replace(":", "") for mac in re.findall(r'class="bd-mac">([0-9a-f:]{17})<', text)]


def client_everywhere(app, name):
    app.config["WTF_CSRF_ENABLED"] = False
    return client_of(app, name)


def fetched(phone, sha256="x", minutes=0):
    phone.fetched_sha256 = sha256
    phone.fetched_at = utcnow()
    db.session.commit()


def many(count):
    site = db.session.scalar(select(Site))
    sealed = {"admin_password": "a", "user_password": "b", "menu_pin": "1"}
    rows = [
        {"mac": f"0c383e{n:06x}", "model": "fanvil-x1sg", "site_id": site.id, "label": f"Desk {n}",
         "search": f"0c383e{n:06x} fanvil-x1sg desk {n}", **sealed}
        for n in range(count)
    ]  # fmt: skip
    db.session.execute(insert(Phone), rows)
    db.session.commit()


def test_an_empty_list_says_what_to_do(bob):
    text = bob.get("/phones/").text
    assert "No phones yet" in text and "Upload a list" in text


@pytest.mark.parametrize(
    "words",
    ["0c383e000001", "0C:38:3E:00:00:01", "0c-38-3e-00-00-01", "1001", "JOÃO", "joao 1001", "X1SG"],
)
def test_a_phone_is_found_by_what_people_know_of_it(everywhere, words):
    client = client_everywhere(everywhere, "bob")
    phone = make_phone(label="João's desk")
    make_phone("0c383e000002", model="fanvil-x5u").lines[0].user = "2002"
    provision.index(db.session.scalar(Phone.with_mac("0c383e000002")))
    db.session.commit()
    assert shown(client.get("/phones/", query_string={"q": words}).text) == [phone.mac]


@pytest.mark.parametrize("words", ["100%", "_", "%", "' OR 1=1", "\\"])
def test_a_sign_of_the_database_is_a_letter_like_others(everywhere, words):
    client = client_everywhere(everywhere, "bob")
    make_phone()
    assert shown(client.get("/phones/", query_string={"q": words}).text) == []


def test_the_states_are_by_what_phones_took(everywhere):
    client = client_everywhere(everywhere, "bob")
    current, stale, never = make_phone(), make_phone("0c383e000002"), make_phone("0c383e000003")
    provision.revise([current, stale])
    db.session.commit()
    fetched(current, current.revision_sha256)
    fetched(stale)
    for state, phone in (("current", current), ("stale", stale), ("never", never)):
        assert shown(client.get(f"/phones/?state={state}").text) == [phone.mac]


def test_filters_narrow_each_other(bob):
    here, there = make_phone(), make_phone("0c383e000002", model="fanvil-x5u")
    elsewhere = Site(company=db.session.scalar(select(Company)), name="Porto")
    elsewhere.new_key()
    there.site = elsewhere
    there.profile = Profile(name="Reception")
    db.session.commit()
    for query, phones in [
        (f"site={here.site_id}", [here]),
        (f"company={here.site.company_id}", [here, there]),
        ("model=fanvil-x5u", [there]),
        ("vendor=fanvil", [here, there]),
        ("vendor=audiocodes", []),
        (f"profile={there.profile_id}&vendor=fanvil", [there]),
        ("site=x&state=strange&vendor=strange", [here, there]),
    ]:
        assert shown(bob.get(f"/phones/?{query}").text) == [phone.mac for phone in phones], query


@pytest.mark.parametrize("sort", ["mac", "-mac", "model", "-model", "site", "seen", "-seen"])
def test_pages_meet_without_gap_or_overlap_and_lead_back(everywhere, sort):
    client = client_everywhere(everywhere, "bob")
    many(120)
    db.session.query(Phone).update({"fetched_at": utcnow(), "fetched_sha256": "x"})
    db.session.commit()
    pages, url = [], f"/phones/?sort={sort}"
    while url:
        text = client.get(url).text
        pages.append(shown(text))
        url = link(text, "next")
        back = link(text, "prev")
    macs = [mac for page in pages for mac in page]
    assert [len(page) for page in pages] == [50, 50, 20]
    assert len(set(macs)) == 120
    assert macs == sorted(macs, reverse=sort.startswith("-"))
    assert shown(client.get(back).text) == pages[1]


def link(text, relation):
    found = re.search(rf'href="([^"]*)" rel="{relation}"', text)
    return "/phones/" + found[1].replace("&amp;", "&") if found else None


@pytest.mark.parametrize("cursor", ["x", "!!", "WzFd", "bnVsbA", "W10", "WyJhIiwiYiJd", "e30"])
def test_a_strange_cursor_is_the_first_page(bob, cursor):
    phone = make_phone()
    for name in ("after", "before"):
        answer = bob.get(f"/phones/?{name}={cursor}")
        assert answer.status_code == 200
    assert phone.mac


def test_htmx_gets_the_rows_alone(bob):
    make_phone()
    answer = bob.get("/phones/?q=1001", headers={"HX-Request": "true"})
    assert "<html" not in answer.text and "0c:38:3e:00:00:01" in answer.text
    assert "HX-Request" in answer.headers["Vary"]


def test_the_csv_holds_what_is_filtered_and_no_formula(bob):
    make_phone(label='=HYPERLINK("http://evil")')
    make_phone("0c383e000002", model="fanvil-x5u")
    answer = bob.get("/phones/phones.csv?model=fanvil-x1sg")
    [head, row] = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert head[:3] == ["State", "MAC address", "Label"]
    assert row[1:4] == ["0c:38:3e:00:00:01", '\'=HYPERLINK("http://evil")', "1001"]
    assert answer.headers["Content-Disposition"] == 'attachment; filename="phones.csv"'


def test_the_ticked_phones_are_deleted_and_one_row_says_so(everywhere):
    client = client_everywhere(everywhere, "bob")
    first, second, third = (make_phone(f"0c383e00000{n}") for n in range(3))
    provision.revise([first, second, third])
    db.session.commit()
    data = MultiDict([("id", first.id), ("id", third.id), ("id", "x"), ("id", "99999")])
    assert client.post("/phones/delete", data=data).status_code == 303
    assert [phone.mac for phone in db.session.scalars(select(Phone))] == [second.mac]
    assert db.session.scalar(select(func.count(Line.id))) == 1
    entry = db.session.scalar(AuditEntry.matching(entity="Phone"))
    assert (entry.action, entry.label) == ("delete", "2 phones")
    assert entry.changes["macs"] == ["0c383e000000", "0c383e000002"]


def test_all_that_match_are_moved_after_asking_where_to(everywhere):
    client = client_everywhere(everywhere, "bob")
    many(70)
    porto = Site(company=db.session.scalar(select(Company)), name="Porto")
    porto.new_key()
    db.session.add_all([porto, profile := Profile(name="Reception")])
    db.session.commit()
    asked = client.post("/phones/move", data={"all": "1", "q": "desk"})
    assert "70 phones move" in asked.text and 'name="q" value="desk"' in asked.text
    data = {"all": "1", "q": "desk", "to_site": porto.id, "to_profile": profile.id}
    assert client.post("/phones/move", data=data).status_code == 303
    query = select(func.count(Phone.id)).where(
        Phone.site_id == porto.id, Phone.profile_id == profile.id
    )
    assert db.session.scalar(query) == 70


def test_a_place_that_is_not_there_moves_nothing(bob):
    phone = make_phone()
    answer = bob.post("/phones/move", data={"id": phone.id, "to_site": "999"})
    assert answer.status_code == 404


@pytest.mark.parametrize("url", ["/phones/delete", "/phones/move", "/phones/new"])
def test_who_only_reads_changes_nothing(carol, url):
    assert carol.post(url, data={"all": "1", "to_site": "1"}).status_code == 403


def test_who_sees_no_phones_means_none(app):
    make_phone()
    dave, bob = (db.session.scalar(User.named(name)) for name in ("dave", "bob"))
    everything = MultiDict([("all", "1")])
    assert db.session.scalars(chosen(dave, everything)).all() == []
    assert len(db.session.scalars(chosen(bob, everything)).all()) == 1
    assert db.session.scalars(chosen(bob, MultiDict())).all() == []
    assert db.session.scalars(filtered(dave, {})).all() == []


def test_a_list_of_ten_thousand_phones_opens_quickly(bob):
    many(10_000)
    for query in ("", "?q=desk+9999", "?state=stale", "?sort=-seen", "?sort=-model"):
        start = time.perf_counter()
        assert bob.get(f"/phones/{query}").status_code == 200
        assert time.perf_counter() - start < 2, query
