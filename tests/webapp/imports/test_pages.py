"""The upload pages, used and attacked."""

import io
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select

from tests.webapp.imports.test_imports import LIST
from webapp.extensions import db, utcnow
from webapp.imports import tasks
from webapp.models import AuditEntry, Phone, SheetImport, Site, User


def send(client, body=LIST, name="phones.txt", **fields):
    data = {"sheet": (io.BytesIO(body), name), "model": "fanvil-x1sg", "site": "1"} | fields
    return client.post("/imports/", data=data, content_type="multipart/form-data")


def newest():
    return db.session.scalar(SheetImport.newest_first())


def test_the_template_is_the_exact_header(bob):
    assert bob.get("/imports/template.txt").data == b"mac,ramal,senha,servidor"


def test_who_has_no_site_yet_is_told_to_make_one(app, bob):
    assert "There is no site yet" not in bob.get("/imports/").text
    db.session.execute(delete(Site))
    db.session.commit()
    assert "There is no site yet" in bob.get("/imports/").text
    page = bob.get(send(bob, site="0").location).text
    assert "There is no site yet" in page and 'href="/sites/new"' in page


def test_an_upload_leads_to_its_preview_and_writes_nothing(bob):
    answer = send(bob)
    assert answer.status_code == 303
    page = bob.get(answer.location).text
    assert "0c:38:3e:0a:1b:2c" in page
    assert "p&amp;w&lt;1" not in page
    assert "p&w" not in page
    assert db.session.scalar(select(func.count()).select_from(Phone)) == 0


def test_commit_goes_to_the_worker_and_the_page_follows_it(bob):
    send(bob)
    answer = bob.post("/imports/1/commit")
    assert answer.status_code == 303
    assert "every 1s" in bob.get("/imports/1").text
    tasks.commit(1)
    page = bob.get("/imports/1").text
    assert "every 1s" not in page
    assert "The phones are in." in page


def test_after_the_commit_the_page_says_how_long_the_new_phones_are_open(bob):
    send(bob)
    bob.post("/imports/1/commit")
    tasks.commit(1)
    page = bob.get("/imports/1").text
    assert "2 new phones are open for the key of their site until" in page
    bob.post("/phones/arm", data={"all": "1", "import_id": 1, "hours": 5})
    left = [phone.armed_until - utcnow() for phone in db.session.scalars(select(Phone))]
    assert len(left) == 2 and all(timedelta(hours=4) < time <= timedelta(hours=5) for time in left)


def test_the_second_click_is_refused_with_words(bob):
    send(bob)
    bob.post("/imports/1/commit")
    again = bob.post("/imports/1/commit")
    assert again.status_code == 422
    assert "being written just now" in again.text


@pytest.mark.parametrize(
    ("body", "name", "words"),
    [
        (b"", "empty.csv", "empty"),
        (b"\x00\x01\x02\x03" * 50, "picture.png", "text"),
        (b"who,what\n1,2\n", "wrong.csv", "mac,ramal,senha,servidor"),
        (b"PK\x03\x04 not a zip", "broken.xlsx", "XLSX"),
    ],
)
def test_what_is_no_list_is_refused_on_the_form(bob, body, name, words):
    answer = send(bob, body, name)
    assert answer.status_code == 422
    assert words in answer.text
    assert newest() is None


def test_too_large_a_file_is_refused(bob):
    kind = "multipart/form-data; boundary=x"
    answer = bob.post("/imports/", data=b"x" * (26 * 1024 * 1024), content_type=kind)
    assert answer.status_code in (413, 422)
    assert newest() is None


def test_hostile_names_and_cells_are_text(bob):
    body = (
        b'mac,ramal,senha,servidor,label\n0c383e000001,"<script>alert(1)</script>",x,10.0.0.5,<b>\n'
    )
    answer = send(bob, body, "<img src=x onerror=alert(1)>.csv")
    for page in (bob.get(answer.location).text, bob.get("/imports/").text):
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_the_refused_rows_come_back_as_a_harmless_sheet(bob):
    body = LIST + b"\n=cmd|' /C calc'!A0,1003,x,10.0.0.5\n"
    send(bob, body)
    answer = bob.get("/imports/1/refused.csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    lines = answer.data.decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("reason")
    assert "=cmd" not in lines[1].split(",")[0].lstrip('"')[:1]
    assert bob.get("/imports/1/refused.xlsx").data.startswith(b"PK")
    assert bob.get("/imports/1/refused.exe").status_code == 404


def test_cancel_forgets_the_file(bob):
    send(bob)
    assert bob.post("/imports/1/cancel").status_code == 303
    assert newest().body is None
    assert bob.post("/imports/1/commit").status_code == 422


def test_choices_change_the_preview(bob):
    send(bob, model="audiocodes-405hd")
    site = db.session.scalar(select(Site))
    answer = bob.post(
        "/imports/1/choices",
        data={"model": "fanvil-x1sg", "site": site.id, "sip_server": 0, "encoding": ""},
        headers={"HX-Request": "true"},
    )
    assert answer.status_code == 200
    assert newest().model == "fanvil-x1sg"
    bad = bob.post("/imports/1/choices", data={"model": "nokia-3310", "site": 0, "sip_server": 0})
    assert bad.status_code == 422


def test_an_encoding_that_cannot_be_read_is_refused_and_the_preview_stays(bob):
    send(bob, LIST.replace(b"1002", "ção".encode("cp1252")))
    choice = {"model": "fanvil-x1sg", "site": 1, "sip_server": 0, "encoding": "utf-8"}
    assert bob.post("/imports/1/choices", data=choice).status_code == 422
    assert bob.get("/imports/1").status_code == 200
    assert newest().encoding == ""


def test_the_reason_inside_a_reason_is_translated_too(bob):
    send(bob, b'mac,ramal,senha,servidor\n0C383E0A1B2C,1001,"a\nb",10.0.0.5\n')
    page = bob.get("/imports/1", headers={"Accept-Language": "fr"}).text
    assert "control character" not in page


def test_undo_by_the_button(bob):
    send(bob)
    bob.post("/imports/1/commit")
    tasks.commit(1)
    assert bob.post("/imports/1/undo").status_code == 303
    assert db.session.scalar(select(func.count()).select_from(Phone)) == 0


def test_the_original_is_for_those_who_may_reveal_and_leaves_a_row(bob, carol):
    send(bob)
    assert carol.get("/imports/1/original").status_code == 403
    assert bob.get("/imports/1/original").data == LIST
    entry = db.session.scalar(AuditEntry.matching(entity="SheetImport"))
    assert (entry.action, entry.actor) == ("reveal", "bob")


@pytest.mark.parametrize("deed", ["", "1/choices", "1/commit", "1/cancel", "1/undo"])
def test_who_only_reads_changes_nothing(bob, carol, dave, deed):
    send(bob)
    assert carol.post(f"/imports/{deed}").status_code == 403
    assert dave.post(f"/imports/{deed}").status_code == 403
    assert newest().state == "draft"


def test_who_has_no_rights_sees_nothing(bob, dave):
    send(bob)
    for path in ("", "1", "1/refused.csv", "1/original", "template.txt"):
        assert dave.get(f"/imports/{path}").status_code == 403


def test_unknown_uploads_are_not_found(bob):
    for path in ("99", "99/refused.csv", "99/original", "0", "1e9"):
        assert bob.get(f"/imports/{path}").status_code == 404
    assert bob.post("/imports/99/commit").status_code == 404


def test_refused_rows_of_another_are_for_those_who_may_reveal(app, alice, bob):
    """Else a technician makes all rows refused by another choice, and reads their passwords."""
    send(alice)
    rights = "phones.read", "phones.write"
    db.session.scalar(select(User).where(User.name == "bob")).department.permissions = {*rights}
    db.session.commit()
    assert bob.get("/imports/1/refused.csv").status_code == 403
    assert alice.get("/imports/1/refused.csv").status_code == 200
    entry = db.session.scalar(AuditEntry.matching(entity="SheetImport"))
    assert (entry.action, entry.actor) == ("reveal", "alice")
    send(bob)
    assert bob.get("/imports/2/refused.csv").status_code == 200
