"""Model, site and SIP server chosen for single rows of a preview."""

import time

import pytest
from sqlalchemy import select

from tests.webapp.imports.test_imports import upload
from tests.webapp.imports.test_pages import newest, send
from webapp.extensions import db
from webapp.imports import services, tasks
from webapp.imports.causes import causes
from webapp.imports.commit import commit
from webapp.models import AuditEntry, Company, Phone, SheetImport, SipServer, Site

LIST = (
    b"mac,ramal,senha,servidor,modelo\n"
    b"0C383E000001,1001,one,10.0.0.5,X1SG\n"
    b"0C383E000002,1002,two,10.0.0.5,X9\n"
    b"0C383E000003,1003,three,10.0.0.5,X9\n"
    b"0C383E000004,1004,four,10.0.0.5,X8\n"
)
PORTO = "Porto"


def porto():
    site = Site(company=Company(name="Bolt"), name=PORTO)
    site.new_key()
    db.session.add_all([site, SipServer(name="second", host="10.0.0.6")])
    db.session.commit()
    return site


def fates(draft):
    return [planned.status for planned in services.preview(draft).rows]


def test_a_choice_for_a_row_wins_over_the_sheet_and_reaches_the_phone(everywhere):
    site = porto()
    second = db.session.scalar(SipServer.named("second"))
    draft = upload(LIST)
    assert fates(draft) == ["added", "refused", "refused", "refused"]
    changes = {"model": "fanvil-x3sg", "site": site.id, "server": second.id}
    assert services.choose_rows(draft, [3], changes) == 1
    db.session.commit()
    assert fates(draft) == ["added", "added", "refused", "refused"]
    commit(draft)
    db.session.commit()
    phone = db.session.scalar(Phone.with_mac("0c383e000002"))
    assert (phone.model, phone.site.name, phone.lines[0].sip_server.name) == (
        "fanvil-x3sg", PORTO, "second",
    )  # fmt: skip
    first = db.session.scalar(Phone.with_mac("0c383e000001"))
    assert (first.model, first.site.name) == ("fanvil-x1sg", "Lisbon")


def test_taking_a_choice_back_makes_the_row_what_the_sheet_says(everywhere):
    draft = upload(LIST)
    services.choose_rows(draft, [2, 3], {"model": "fanvil-x3sg"})
    services.choose_rows(draft, [3], dict.fromkeys(("model", "site", "server")))
    assert draft.overrides == {"2": {"model": "fanvil-x3sg"}}
    services.choose_rows(draft, [2], {"model": None})
    assert draft.overrides is None
    assert fates(draft)[0] == "added"


def test_a_site_that_went_away_refuses_its_rows_with_words(everywhere):
    site = porto()
    draft = upload(LIST)
    services.choose_rows(draft, [2], {"site": site.id})
    db.session.delete(site)
    db.session.commit()
    planned = services.preview(draft).rows[0]
    assert planned.status == "refused"
    assert "there no more" in str(planned.reasons[0])


def test_rows_are_grouped_by_why_they_are_refused(everywhere):
    found = causes(services.preview(upload(LIST)))
    assert [(len(one.rows), one.several) for one in found] == [(2, False), (1, False)]
    assert "X9" in str(found[0].reason)


def test_many_wordings_of_one_kind_make_one_group(everywhere):
    rows = "".join(f"0C383E0000{n:02d},{n},p,10.0.0.5,wooden{n}\n" for n in range(20))
    found = causes(services.preview(upload(b"mac,ramal,senha,servidor,modelo\n" + rows.encode())))
    assert [(len(one.rows), one.several) for one in found] == [(20, True)]


def test_all_rows_of_one_cause_are_set_at_once(bob):
    send(bob, LIST)
    key = causes(services.preview(newest()))[0].key
    address = f"/imports/1/rows?status=refused&cause={key}"
    asked = bob.post(address, data={"all": "1"}, headers={"HX-Request": "true"})
    assert "2 rows are chosen" in asked.text
    assert newest().overrides is None
    data = {"all": "1", "save": "1", "model": "fanvil-x3sg", "site": "", "server": ""}
    answer = bob.post(address, data=data, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "closeModal" in answer.headers["HX-Trigger"]
    assert '<option selected value="fanvil-x1sg">' in answer.text  # the upload's own choice stays
    assert newest().overrides == {row: {"model": "fanvil-x3sg"} for row in "34"}
    assert "Chosen here for this row" in bob.get("/imports/1").text


def test_one_row_without_javascript(bob):
    send(bob, LIST)
    form = bob.get("/imports/1/rows?id=3&status=refused")
    assert "X9" in form.text
    data = {"id": "3", "save": "1", "model": "fanvil-x3sg", "site": "-", "server": "-"}
    answer = bob.post("/imports/1/rows?status=refused", data=data)
    assert answer.status_code == 303
    assert answer.location.endswith("/imports/1?status=refused")
    assert newest().overrides == {"3": {"model": "fanvil-x3sg"}}
    assert bob.post("/imports/1/rows/clear", data={"id": "3"}).status_code == 303
    assert newest().overrides is None


def test_the_choice_leaves_an_audit_row_that_names_the_rows(bob):
    send(bob, LIST)
    bob.post("/imports/1/rows", data={"id": "3", "save": "1", "model": "fanvil-x3sg"})
    entry = db.session.scalar(AuditEntry.matching(entity="SheetImport"))
    assert (entry.action, entry.actor, entry.changes["rows"]) == ("choose", "bob", [3])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"id": "99", "model": "fanvil-x1sg"}, "no row 99"),
        ({"id": "1", "model": "fanvil-x1sg"}, "no row 1"),
        ({"id": "-3", "model": "fanvil-x1sg"}, "no row"),
        ({"id": "9" * 5000, "model": "fanvil-x1sg"}, "no row"),
        ({"model": "fanvil-x1sg"}, "No row was chosen"),
        ({"id": "3", "model": "nokia-3310"}, "Not a valid choice"),
        ({"id": "3", "site": "4711"}, "Not a valid choice"),
        ({"id": "3", "site": "x' or 1=1"}, "Not a valid choice"),
        ({"id": "3", "server": "4711"}, "Not a valid choice"),
    ],
)
def test_what_cannot_be_chosen_is_refused_with_words(bob, data, words):
    send(bob, LIST)
    answer = bob.post("/imports/1/rows", data={"save": "1", **data})
    assert answer.status_code == 422
    assert words in answer.text
    assert newest().overrides is None


def test_nothing_is_chosen_any_more_once_it_is_written(bob):
    send(bob, LIST)
    bob.post("/imports/1/commit")
    data = {"id": "2", "save": "1", "model": "fanvil-x3sg"}
    for state in ("committing", "committed"):
        assert newest().state == state
        assert bob.post("/imports/1/rows", data=data).status_code == 422
        assert bob.post("/imports/1/rows/clear", data=data).status_code == 422
        assert bob.get("/imports/1/rows?id=2").status_code == 422
        tasks.commit(1)
    assert newest().overrides is None


def test_who_only_reads_can_choose_nothing(bob, carol):
    send(bob, LIST)
    data = {"id": "2", "save": "1", "model": "fanvil-x3sg"}
    assert carol.post("/imports/1/rows", data=data).status_code == 403
    assert carol.post("/imports/1/rows/clear", data=data).status_code == 403
    page = carol.get("/imports/1").text
    assert "rows/clear" not in page
    assert 'name="id"' not in page


def test_ten_thousand_rows_are_set_in_seconds(app):
    rows = "".join(f"0C383E{n:06x},{n},p{n},10.0.0.5,X9\n" for n in range(10_000))
    draft = upload(b"mac,ramal,senha,servidor,modelo\n" + rows.encode())
    start = time.perf_counter()
    services.choose_rows(draft, range(2, 10_002), {"model": "fanvil-x3sg"})
    db.session.commit()
    plan = services.preview(db.session.scalar(select(SheetImport)))
    assert plan.counts["added"] == 10_000
    assert time.perf_counter() - start < 6
