import os
import time
from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.conftest import client_of
from tests.webapp.test_provision import make_phone
from webapp import create_app, provision
from webapp.audit import acting_as
from webapp.extensions import db
from webapp.models import AuditEntry, Revision

MAC = "0c383e000001"


def ready(mac=MAC, model="fanvil-x1sg", **changes):
    with acting_as("tests"):
        phone = make_phone(mac, model, **changes)
        provision.revise([phone])
        db.session.commit()
    return phone


def body_of(phone):
    return db.session.get(Revision, phone.revision_id).body


def test_it_lists_every_name_a_phone_asks_for(carol):
    ready()
    ready("789912000001", "flyingvoice-fip14g")
    page = carol.get("/files/").text
    for name in (f"{MAC}.cfg", "0C383E000001.cfg", "789912000001", "789912000001.cfg"):
        assert f">{name}</a>" in page
    assert "2 of 2" in page


def test_a_phone_without_a_revision_has_no_file(carol):
    with acting_as("tests"):
        make_phone()
    assert "No phone has a file yet" in carol.get("/files/").text
    assert carol.get(f"/files/view/{MAC}.cfg").status_code == 404


@pytest.mark.parametrize("q", ["0C:38:3E", f"{MAC}.cfg", "1001", "x1sg"])
def test_a_search_takes_file_names_too(carol, q):
    ready()
    ready("00908f000001", "audiocodes-405hd")
    page = carol.get("/files/", query_string={"q": q}).text
    assert f"{MAC}.cfg" in page
    assert ("00908f000001" in page) == (q == "1001")


@pytest.mark.parametrize(
    ("mac", "model", "name"),
    [
        (MAC, "fanvil-x1sg", f"{MAC}.cfg"),
        (MAC, "fanvil-x1sg", "0C383E000001.cfg"),
        ("789912000001", "flyingvoice-fip14g", "789912000001"),
        ("00908f000001", "audiocodes-405hd", "00908F000001.cfg"),
    ],
)
def test_it_shows_a_file_without_its_secrets(carol, mac, model, name):
    phone = ready(mac, model, password="s3cret-of-the-line")
    page = carol.get(f"/files/view/{name}").text
    assert "1001" in page
    assert "••••••" in page
    for secret in ("s3cret-of-the-line", phone.admin_password, phone.user_password):
        assert secret not in page


def test_the_modal_gets_a_part_of_the_page(carol):
    ready()
    part = carol.get(f"/files/view/{MAC}.cfg", headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert "Show secrets" not in part


def test_who_may_reveal_sees_the_very_file_and_is_recorded(bob):
    phone = ready()
    shown = bob.post(f"/files/view/{MAC}.cfg").text
    assert "p&amp;amp;w&amp;lt;1" in shown
    answer = bob.post(f"/files/view/{MAC}.cfg", data={"download": "1"})
    assert answer.data == body_of(phone)
    assert f"{MAC}.cfg" in answer.headers["Content-Disposition"]
    query = select(AuditEntry).where(AuditEntry.action == "reveal")
    entries = db.session.scalars(query).all()
    assert [(e.actor, e.entity_id, e.changes) for e in entries] == [
        ("bob", phone.id, {"file": f"{MAC}.cfg"})
    ] * 2


def test_readers_reveal_and_download_nothing(carol):
    ready()
    assert carol.post(f"/files/view/{MAC}.cfg").status_code == 403
    assert carol.post(f"/files/view/{MAC}.cfg", data={"download": "1"}).status_code == 403


@pytest.mark.parametrize(
    "name",
    [
        "0c383e000009.cfg",
        f"{MAC}.xml",
        f"{MAC}",
        "..",
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        f"..%2f{MAC}.cfg",
        f"%2e%2e/{MAC}.cfg",
        f"x%5c{MAC}.cfg",
        "%ff%fe",
        "x" * 3000,
    ],
)
def test_what_is_not_a_phones_file_is_not_found(bob, name):
    ready()
    for prefix in ("/files/view/", "/files/export/"):
        assert bob.get(prefix + name).status_code == 404
        assert bob.post(prefix + name).status_code in (404, 405)


def test_others_see_nothing(dave, anonymous):
    ready()
    for path in ("/files/", f"/files/view/{MAC}.cfg", "/files/export", f"/files/export/{MAC}.cfg"):
        assert dave.get(path).status_code == 403
        assert anonymous.get(path).status_code == 302


def test_hostile_values_stay_text(bob):
    ready(password="</pre><script>alert(1)</script>", label="<img src=x onerror=alert(1)>")
    for page in (bob.get("/files/"), bob.post(f"/files/view/{MAC}.cfg")):
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text


# ---- The export folder ------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    return folder


@pytest.fixture
def browser(app, config, folder):
    def of(name):
        changed = create_app(replace(config, export_dir=folder))
        changed.config["WTF_CSRF_ENABLED"] = False
        return client_of(changed, name)

    return of


def test_without_an_export_folder_there_is_no_page_of_it(bob):
    assert bob.get("/files/export").status_code == 404
    assert "Export folder" not in bob.get("/files/").text


def test_it_lists_the_folder_with_age_and_announces_the_end(browser, folder):
    phone = ready()
    (folder / f"{MAC}.cfg").write_bytes(body_of(phone))
    (folder / "notes.txt").write_text("of somebody else")
    page = browser("carol").get("/files/export").text
    assert f"{MAC}.cfg" in page
    assert "notes.txt" not in page
    assert "deleted 48 hours after" in page
    assert f'href="/phones/{phone.id}"' in page


def test_an_exported_file_is_masked_even_if_its_phone_is_gone(browser, folder):
    phone = ready("00908f000001", "audiocodes-405hd", password="s3cret-of-the-line")
    (folder / "0c383e0000ff.cfg").write_bytes(body_of(phone))
    page = browser("carol").get("/files/export/0c383e0000ff.cfg").text
    assert "1001" in page
    assert "s3cret-of-the-line" not in page
    assert "s3cret-of-the-line" in browser("bob").post("/files/export/0c383e0000ff.cfg").text


def test_a_link_in_the_folder_leads_nowhere(browser, folder, tmp_path):
    (tmp_path / "secret.txt").write_text("top secret")
    os.symlink(tmp_path / "secret.txt", folder / f"{MAC}.cfg")
    client = browser("bob")
    assert client.get(f"/files/export/{MAC}.cfg").status_code == 404
    assert client.get("/files/export/..%2fsecret.txt").status_code == 404
    assert client.get("/files/export/notes.txt").status_code == 404


def test_the_folder_has_pages(browser, folder):
    for number in range(120):
        (folder / f"0c383e0000{number:02x}.cfg").write_text("x")
    os.utime(folder / "0c383e000000.cfg", (time.time() - 3600,) * 2)
    client, seen, address = browser("carol"), [], "/files/export"
    while address:
        page = client.get(address, headers={"HX-Request": "true"}).text
        seen += [part[:16] for part in page.split('<span class="bd-mac">')[1:]]
        after = page.rpartition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
        address = f"/files/export{after}" if 'rel="next"' in page else None
    assert len(seen) == len(set(seen)) == 120
    last = client.get("/files/export?before=0c383e000077.cfg").text
    assert "0c383e000076.cfg" in last
    assert "0c383e000045.cfg" in last
    assert "0c383e000044.cfg" not in last
