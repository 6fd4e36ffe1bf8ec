"""Runs and uploads over the API."""

import io

import pytest
from sqlalchemy import func, select

from tests.webapp.api.program import Program, error
from tests.webapp.test_provision import make_phone
from webapp.extensions import db
from webapp.imports import tasks
from webapp.models import AuditEntry, Phone, Run, RunStep, SheetImport

SHEET = b"mac,ramal,senha,servidor\n0c383e000011,1001,Unmistakable1,pbx\n0c383e0000zz,1,x,pbx\n"


@pytest.fixture
def bob(desk):
    return Program(desk).sign_in("bob")


def steps():
    return sorted(db.session.scalars(select(RunStep.mac)))


def count(model):
    return db.session.scalar(select(func.count()).select_from(model))


def test_a_run_of_these_phones_is_started_and_followed(bob):
    for last in "123":
        make_phone(f"0c383e00000{last}")
    answer = bob.post("runs", {"macs": ["0C:38:3E:00:00:01", "0c383e000003", "0c383e000003"]})
    assert answer.status_code == 202
    assert (answer.json["state"], answer.json["total"], answer.json["left"]) == ("queued", 2, 2)
    assert steps() == ["0c383e000001", "0c383e000003"]
    assert bob.get(answer.location).json["id"] == answer.json["id"]
    assert db.session.scalar(select(Run)).user.name == "bob"


def test_a_run_tells_which_phones_failed_and_why(bob):
    make_phone()
    number = bob.post("runs", {"all": True}).json["id"]
    step = db.session.scalar(select(RunStep))
    step.state, step.message, step.params = "failed", "There is no phone %(mac)s", {"mac": "x"}
    db.session.commit()
    shown = bob.get(f"runs/{number}").json
    assert shown["failures"] == [{"mac": "0c:38:3e:00:00:01", "reason": "There is no phone x"}]


def test_a_run_of_what_fits_a_filter(bob):
    make_phone("0c383e000001")
    make_phone("0c383e000002", model="fanvil-x1s")
    assert bob.post("runs", {"filter": {"model": "X1S", "site": "Lisbon"}}).status_code == 202
    assert steps() == ["0c383e000002"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"all": False}, None),
        ({"all": 1}, "all"),
        ({"all": True, "macs": ["0c383e000001"]}, None),
        ({"macs": []}, None),
        ({"macs": "0c383e000001"}, "macs"),
        ({"macs": [1]}, "macs"),
        ({"macs": ["0c383e000001", "0c383e0000ff"]}, "macs"),
        ({"macs": ["x"]}, "macs"),
        ({"macs": ["0c383e000001"] * 10_001}, "macs"),
        ({"filter": {}}, "filter"),
        ({"filter": "all"}, "filter"),
        ({"filter": {"sites": "Lisbon"}}, "filter.sites"),
        ({"filter": {"site": "Lisbonn"}}, "filter.site"),
        ({"filter": {"site": None}}, "filter.site"),
        ({"filter": {"site": [1]}}, "filter.site"),
        ({"filter": {"q": ""}}, "filter.q"),
        ({"filter": {"state": "1=1"}}, "filter.state"),
        ({"filter": {"state": "current"}}, None),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_run_that_does_not_say_clearly_which_phones_is_none(bob, body, field):
    make_phone()
    answer = bob.post("runs", body)
    assert error(answer) == (422, "invalid")
    assert answer.json["error"].get("field") == field
    assert count(Run) == 0


@pytest.mark.parametrize(
    ("sent", "kind", "options"),
    [
        ({"kind": "provision"}, "provision", None),
        ({"options": {"deliver": True}}, "provision", {"deliver": True}),
        ({"kind": "deliver"}, "deliver", None),
        (
            {"kind": "rollout"},
            "rollout",
            {"minutes": 10, "percent": 10, "wait": False, "reboot": True},
        ),
        (
            {"kind": "rollout", "options": {"minutes": 3, "wait": True, "reboot": False}},
            "rollout",
            {"minutes": 3, "percent": 10, "wait": True, "reboot": False},
        ),
    ],
)
def test_a_run_of_each_kind_is_started_as_on_the_pages(bob, sent, kind, options):
    make_phone()
    answer = bob.post("runs", {"all": True} | sent)
    assert answer.status_code == 202, answer.text
    run = db.session.scalar(select(Run))
    assert (run.kind, run.options) == (kind, options)
    shown = bob.get(answer.location).json
    assert (shown["kind"], shown["options"]) == (kind, options or {})
    assert shown["stage"] == (1 if kind == "rollout" else None)


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"kind": "rollback"}, "kind"),
        ({"kind": 1}, "kind"),
        ({"options": []}, "options"),
        ({"options": {"minutes": 1}}, "options.minutes"),
        ({"options": {"deliver": 1}}, "options.deliver"),
        ({"kind": "deliver", "options": {"deliver": True}}, "options"),
        ({"kind": "rollout", "options": {"minutes": 0}}, "options.minutes"),
        ({"kind": "rollout", "options": {"minutes": "10"}}, "options.minutes"),
        ({"kind": "rollout", "options": {"percent": 101}}, "options.percent"),
        ({"kind": "rollout", "options": {"percent": True}}, "options.percent"),
        ({"kind": "rollout", "options": {"wait": "no"}}, "options.wait"),
    ],
    ids=str,
)
def test_a_kind_or_an_option_that_is_none_starts_nothing(bob, sent, field):
    make_phone()
    answer = bob.post("runs", {"all": True} | sent)
    assert (error(answer), answer.json["error"]["field"]) == ((422, "invalid"), field)
    assert count(Run) == 0


def test_a_halted_roll_out_says_why_and_goes_on_or_is_taken_back(bob):
    make_phone()
    number = bob.post("runs", {"all": True, "kind": "rollout"}).json["id"]
    assert error(bob.post(f"runs/{number}/continue", {})) == (422, "invalid")
    run = db.session.get_one(Run, number)
    run.state, run.stage, run.message, run.params = "halted", 1, "Stage %(stage)s", {"stage": 2}
    db.session.commit()
    shown = bob.get(f"runs/{number}").json
    assert (shown["state"], shown["stage"], shown["message"]) == ("halted", 2, "Stage 2")
    assert bob.post(f"runs/{number}/continue", {}).json["state"] == "running"
    assert error(bob.post(f"runs/{number}/roll-back", {})) == (422, "invalid"), "it made no file"
    assert bob.post(f"runs/{number}/stop", {}).json["stopped"] == 1


def test_a_run_that_is_not_there_is_404(bob):
    for number in ("7", "99999999999999999999", "-1", "x"):
        assert error(bob.get(f"runs/{number}")) == (404, "not_found")


def upload(program, body=SHEET, filename="list.csv", **more):
    data = {"sheet": (io.BytesIO(body), filename), "model": "X1SG", "site": "Lisbon"}
    return program.post("imports", data=data | more)


def test_without_commit_an_upload_only_says_what_it_would_do(bob):
    answer = upload(bob)
    assert answer.status_code == 200
    assert answer.json["counts"] == {"added": 1, "changed": 0, "unchanged": 0, "refused": 1}
    [refused] = answer.json["refused"]
    assert refused["row"] == 3 and refused["reasons"]
    assert "Unmistakable1" not in answer.text
    assert (count(SheetImport), count(Phone)) == (0, 0)


def test_with_commit_the_worker_writes_the_good_rows(bob):
    answer = upload(bob, commit="1")
    assert answer.status_code == 202
    number = answer.json["import"]["id"]
    assert answer.location == f"/api/v1/imports/{number}"
    assert bob.get(answer.location).json["state"] == "committing"
    tasks.commit(number)
    shown = bob.get(answer.location).json
    assert (shown["state"], shown["counts"]["added"]) == ("committed", 1)
    assert db.session.scalar(select(Phone)).mac == "0c383e000011"
    done = select(AuditEntry).where(AuditEntry.action == "import")
    assert db.session.scalar(done).actor == "bob"


def test_all_or_nothing_writes_nothing_when_a_row_is_refused(bob):
    answer = upload(bob, commit="1", all_or_nothing="1")
    assert answer.status_code == 422
    assert answer.json["counts"]["refused"] == 1
    assert count(SheetImport) == 0


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"model": "no such"}, "model"),
        ({"site": "Atlantis"}, "site"),
        ({"server": "nowhere"}, "server"),
        ({"encoding": "rot13"}, "encoding"),
        ({"commit": "yes"}, "commit"),
        ({"comit": "1"}, "comit"),
        ({"body": b""}, "sheet"),
        ({"body": b"PK\x03\x04nonsense", "filename": "x.xlsx"}, "sheet"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_upload_that_cannot_be_read_is_refused(bob, more, field):
    answer = upload(bob, **more)
    assert error(answer) == (422, "invalid")
    assert answer.json["error"]["field"] == field
    assert count(SheetImport) == 0


def test_an_upload_needs_its_file(bob):
    answer = bob.post("imports", data={"model": "X1SG"}, content_type="multipart/form-data")
    assert error(answer)[0] == 422
    assert error(bob.post("imports", {"sheet": "x"}))[0] == 415
