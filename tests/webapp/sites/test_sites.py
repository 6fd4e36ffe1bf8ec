from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.webapp.phones.test_phone_list import client_everywhere
from tests.webapp.test_provision import make_phone
from webapp.extensions import db, utcnow
from webapp.models import AuditEntry, Company, SheetImport, Site


def form(**changes):
    return {
        "company_id": 0,
        "company": "Globex",
        "name": "Porto",
        "networks": "10.9.0.0/16",
    } | changes


def test_a_site_comes_with_its_company_and_a_key(everywhere):
    client = client_everywhere(everywhere, "bob")
    assert client.post("/sites/new", data=form()).status_code == 303
    site = db.session.scalar(select(Site).where(Site.name == "Porto"))
    assert (site.company.name, site.networks, len(site.key)) == ("Globex", "10.9.0.0/16", 32)


def test_a_thin_line_gets_a_pace_of_its_own(everywhere):
    client = client_everywhere(everywhere, "bob")
    client.post("/sites/new", data=form(pace="30"))
    site = db.session.scalar(select(Site).where(Site.name == "Porto"))
    assert site.pace == 30
    assert 'value="30"' in client.get(f"/sites/{site.id}/edit").text
    client.post(f"/sites/{site.id}/edit", data=form(company_id=site.company_id, pace=""))
    assert db.session.get(Site, site.id).pace is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"networks": "10.0.0.0/8\n10.0.0.0/33"}, "Line 2: “10.0.0.0/33” is no network"),
        ({"networks": " "}, "at least one network"),
        ({"name": ""}, "Give it a name"),
        ({"name": "x" * 101}, "longer than 100"),
        ({"company": ""}, "Choose a company"),
        ({"company": "Acme"}, "already there"),
        ({"pace": "0"}, "A number from 1 to 6000"),
        ({"pace": "many"}, "Not a valid integer"),
    ],
)
def test_it_refuses_with_words(bob, changes, words):
    answer = bob.post("/sites/new", data=form(**changes))
    assert answer.status_code == 422 and words in answer.text


def test_two_sites_of_a_company_do_not_share_a_name(bob, site):
    data = form(company_id=site.company_id, name=site.name)
    assert "already has a site" in bob.post("/sites/new", data=data).text
    assert bob.post(f"/sites/{site.id}/edit", data=data).status_code == 303


def test_the_key_is_hidden_until_shown_on_purpose(bob, carol, site):
    url = f"/sites/{site.id}"
    assert site.key not in bob.get(url).text
    assert carol.get(url).status_code == 200
    assert carol.post(f"{url}/key").status_code == 403
    text = bob.post(f"{url}/key").text
    assert f"http://desk.example.net/p/{site.key}/$mac.cfg" in text
    assert db.session.scalar(AuditEntry.of("Site", site.id)).action == "reveal"


@pytest.mark.parametrize(("overlap", "hours"), [("0", 0), ("24", 24), ("168", 168)])
def test_a_new_key_lets_the_old_one_live_as_long_as_chosen(bob, site, overlap, hours):
    old = site.key
    assert "DHCP" in bob.get(f"/sites/{site.id}/rotate").text
    assert bob.post(f"/sites/{site.id}/rotate", data={"overlap": overlap}).status_code == 303
    assert site.key != old
    assert (db.session.scalar(Site.with_key(old)) is site) == bool(hours)
    if hours:
        left = site.previous_until - utcnow()
        assert abs(left - timedelta(hours=hours)) < timedelta(minutes=1)
    assert old not in str([e.changes for e in db.session.scalars(AuditEntry.newest_first())])


def test_a_strange_overlap_changes_nothing(bob, site):
    old = site.key
    assert bob.post(f"/sites/{site.id}/rotate", data={"overlap": "9999"}).status_code == 422
    assert site.key == old


def test_a_site_with_phones_stays(bob, site):
    make_phone()
    bob.post(f"/sites/{site.id}/delete")
    assert "1 phone stands there" in bob.get("/sites/").text


def test_a_site_goes_though_an_upload_named_it(everywhere):
    client = client_everywhere(everywhere, "bob")
    site = db.session.scalar(select(Site))
    db.session.add(SheetImport(name="a", filename="a.csv", site_id=site.id))
    db.session.commit()
    assert client.post(f"/sites/{site.id}/delete").status_code == 303
    assert db.session.scalar(select(func.count(Site.id))) == 0
    assert db.session.scalar(select(func.count(Company.id))) == 1


@pytest.mark.parametrize("deed", ["edit", "rotate", "delete", "key"])
def test_who_only_reads_changes_no_site(carol, site, deed):
    assert carol.post(f"/sites/{site.id}/{deed}").status_code == 403


def test_who_has_no_rights_sees_no_site(dave, site):
    assert dave.get("/sites/").status_code == 403
    assert dave.get(f"/sites/{site.id}").status_code == 403


def test_names_are_shown_and_not_run(bob, site):
    site.name = "<script>alert(1)</script>"
    db.session.commit()
    for url in ("/sites/", f"/sites/{site.id}", f"/sites/{site.id}/rotate", "/phones/"):
        assert "<script>alert" not in bob.get(url).text
