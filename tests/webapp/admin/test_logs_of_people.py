"""Sign-ins, audit and departments: filters, pages, CSV, and what hostile values do there."""

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import select

from webapp.admin.services import seed_departments
from webapp.audit import acting_as, record
from webapp.extensions import db, utcnow
from webapp.models import PERMISSIONS, AuditEntry, Department, SignIn, User

HOSTILE = "=cmd|' /C calc'!A1"


def rows_of(answer):
    return list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def test_the_filter_tells_success_from_failure(alice):
    alice.post("/login", data={"name": "mallory", "password": "x"})
    success = alice.get("/admin/sign-ins?result=success", headers={"HX-Request": "true"}).text
    failure = alice.get("/admin/sign-ins?result=failure", headers={"HX-Request": "true"}).text
    assert "alice" in success
    assert "mallory" not in success
    assert "mallory" in failure
    assert "alice" not in failure


def test_words_find_a_sign_in_and_percent_is_only_a_percent(alice):
    alice.post("/login", data={"name": "50%off", "password": "x"})
    assert "50%off" in alice.get("/admin/sign-ins?q=0%25o").text
    assert "No sign-in found" in alice.get("/admin/sign-ins?q=5%25f").text


def test_the_csv_of_sign_ins_cannot_run_a_formula(alice):
    agent = "+SUM(1)"
    form = {"name": HOSTILE, "password": "x"}
    alice.post("/login", data=form, headers={"User-Agent": agent})
    row = rows_of(alice.get("/admin/sign-ins.csv"))[1]
    assert row[1] == "'" + HOSTILE
    assert row[-1] == "'" + agent


def test_a_hostile_user_agent_is_shown_as_text(alice):
    agent = '"><script>alert(1)</script>'
    alice.post("/login", data={"name": "x", "password": "x"}, headers={"User-Agent": agent})
    assert "<script>alert" not in alice.get("/admin/sign-ins").text


def test_pages_of_sign_ins_go_on_where_the_last_one_ended(alice):
    row = {"address": "10.0.0.1", "success": False, "reason": "wrong_password"}
    rows = [row | {"name": f"guess{n:03}"} for n in range(120)]
    db.session.execute(SignIn.__table__.insert(), rows)
    db.session.commit()
    first = alice.get("/admin/sign-ins?q=guess").text
    cursor = first.split("after=")[1].split('"')[0]
    second = alice.get(f"/admin/sign-ins?q=guess&after={cursor}").text
    assert "guess119" in first
    assert "guess070" in first
    assert "guess069" in second
    assert "guess119" not in second


def test_the_audit_is_filtered_by_every_means(alice):
    with acting_as("someone"):
        record("sign", "Contract", 7, "Acme", {"status": ["draft", "signed"]})
        record("delete", "Event", 8, "Party", {})
    db.session.commit()
    today = utcnow().date()
    for query, is_found in {
        "q=signed": True,
        "q=acme+sign": True,
        "q=nothing-like-it": False,
        "entity=Contract": True,
        "entity=Event": False,
        "actor=someone": True,
        "actor=alice": False,
        f"since={today}&until={today}": True,
        f"until={today - timedelta(days=2)}": False,
        f"since={today + timedelta(days=2)}": False,
        "since=yesterday&until=9999-99-99": True,
        "until=9999-12-31&since=0001-01-01": True,
    }.items():
        text = alice.get(f"/admin/audit?{query}", headers={"HX-Request": "true"}).text
        assert ("Acme" in text) == is_found, query


def test_the_audit_shows_old_and_new_as_text(alice):
    with acting_as("someone"):
        record("update", "Phone", 7, "desk", {"label": ["<b>old</b>", "<i>new</i>"]})
    db.session.commit()
    text = alice.get("/admin/audit").text
    assert "&lt;b&gt;old&lt;/b&gt;" in text
    assert "<i>new" not in text


def test_the_csv_of_the_audit_cannot_run_a_formula(alice):
    with acting_as(HOSTILE):
        record("update", "Phone", 7, "@evil", {})
    db.session.commit()
    rows = rows_of(alice.get("/admin/audit.csv?entity=Phone"))
    assert (rows[1][1], rows[1][6]) == ("'" + HOSTILE, "'@evil")


def test_the_searches_work_on_every_database(everywhere):
    with acting_as("Élodie"):
        record("sign", "Contract", 7, "Acme", {"status": ["draft", "signed"]})
    db.session.commit()
    found = db.session.scalars(AuditEntry.matching("signed ACME", "Contract", "Élodie")).all()
    assert len(found) == 1
    assert db.session.scalars(SignIn.matching("x' OR 1=1 --", True)).all() == []
    assert [user.name for user in db.session.scalars(User.by_name("BO"))] == ["bob"]
    assert len(db.session.execute(Department.with_people()).all()) == 3


@pytest.mark.parametrize("name", sorted({"commercial", "management", "support", "developer"}))
def test_the_four_departments_are_seeded_once(app, name):
    for one in db.session.scalars(select(User)):
        one.department = None
    for one in db.session.scalars(select(Department)):
        db.session.delete(one)
    db.session.commit()
    seed_departments()
    department = db.session.scalar(select(Department).where(Department.name == name))
    rights = department.permissions
    assert ("phones.provision" in rights) == (name in {"management", "support"})
    assert ("users.write" in rights) == (name == "management")
    department.permissions = {"audit.read"}
    department.name = "renamed"
    db.session.commit()
    seed_departments()
    assert len(db.session.scalars(select(Department)).all()) == 4
    assert department.permissions == {"audit.read"}


def test_a_new_department_holds_exactly_the_ticked_rights(app, alice):
    form = {"name": "night shift", "permission": ["phones.read", "logs.read"]}
    assert alice.post("/admin/departments", data=form).status_code == 303
    department = db.session.scalar(select(Department).where(Department.name == "night shift"))
    assert department.permissions == {"phones.read", "logs.read"}
    assert "night shift" in alice.get("/admin/departments").text


@pytest.mark.parametrize("name", ["", "readers", "READERS", "x" * 51, "a\x01b"])
def test_a_department_needs_a_name_of_its_own(alice, name):
    assert alice.post("/admin/departments", data={"name": name}).status_code == 422


def test_an_invented_right_is_refused(alice):
    form = {"name": "odd", "permission": ["phones.read", "everything.forever"]}
    assert alice.post("/admin/departments", data=form).status_code == 422


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_a_right_taken_away_works_at_once(app, alice, bob, permission):
    technicians = db.session.scalar(select(Department).where(Department.name == "technicians"))
    form = {"name": "technicians", "permission": sorted(set(PERMISSIONS) - {permission})}
    assert alice.post(f"/admin/departments/{technicians.id}", data=form).status_code == 303
    db.session.expire_all()
    assert not db.session.scalar(User.named("bob")).may(permission)


def test_the_audit_of_a_right_names_the_department(alice):
    readers = db.session.scalar(select(Department).where(Department.name == "readers"))
    form = {"name": "readers", "permission": ["phones.read", "logs.read"]}
    alice.post(f"/admin/departments/{readers.id}", data=form)
    query = AuditEntry.newest_first().where(AuditEntry.entity == "DepartmentPermission").limit(2)
    rows = {row.action: (row.label, row.changes) for row in db.session.scalars(query)}
    assert rows["create"][0] == "readers"
    assert rows["create"][1]["permission"] == [None, "logs.read"]
    assert rows["delete"][0] == "readers"
    assert rows["delete"][1]["permission"] == ["sites.read", None]


def test_the_menu_shows_where_one_is(alice):
    text = alice.get("/admin/users/new").text
    assert text.count('aria-current="page"') == 1
