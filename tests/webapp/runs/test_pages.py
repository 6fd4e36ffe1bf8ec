"""Runs in the browser: page, modal, rights, and what a strange request gets."""

import pytest
from sqlalchemy import func, select

from tests.webapp.jobs.phones import make_phones
from webapp.extensions import db
from webapp.jobs.worker import Worker
from webapp.models import Run

HTMX = {"HX-Request": "true"}


def work(app):
    Worker(app).run(once=True)
    db.session.rollback()


def runs():
    db.session.rollback()
    return list(db.session.scalars(select(Run).order_by(Run.id)))


def test_ticked_phones_start_a_run_and_lead_to_its_page(app, bob):
    one, two, _ = make_phones(3)
    answer = bob.post("/runs/", data={"id": [one, two]})
    [run] = runs()
    assert (answer.status_code, answer.location) == (303, f"/runs/{run.id}")
    assert (run.total, run.user.name) == (2, "bob")


def test_the_modal_shows_each_phone_and_then_done(app, bob):
    ids = make_phones(2)
    modal = bob.post("/runs/", data={"id": ids}, headers=HTMX)
    assert 'hx-trigger="every 1s"' in modal.text
    assert "modal-title" in modal.text
    work(app)
    [run] = runs()
    part = bob.get(f"/runs/{run.id}/progress?in=modal", headers=HTMX).text
    assert part.count("file stored (revision 1)") == 2
    assert "0c:38:3e:00:00:01" in part
    assert "Done</pre>" in part
    assert "hx-trigger" not in part, "an ended run asks no more"
    assert "modal-title" not in part


def test_all_phones_of_a_filter_are_meant(app, bob):
    make_phones(2)
    make_phones(3, first=50, model="audiocodes-405hd")
    bob.post("/runs/", data={"all": "1", "model": "audiocodes-405hd"})
    assert [run.total for run in runs()] == [3]


def test_the_page_refreshes_itself_without_a_script_until_the_end(app, bob):
    bob.post("/runs/", data={"id": make_phones(1)})
    [run] = runs()
    assert 'http-equiv="refresh"' in bob.get(f"/runs/{run.id}").text
    work(app)
    assert 'http-equiv="refresh"' not in bob.get(f"/runs/{run.id}").text


def test_failures_have_reasons_a_page_and_a_sheet(app, bob):
    bad = make_phones(1, password="line\nbreak")
    bob.post("/runs/", data={"id": [*bad, *make_phones(1, first=9)]})
    work(app)
    [run] = runs()
    assert "line break" in bob.get(f"/runs/{run.id}").text
    assert "line break" in bob.get(f"/runs/{run.id}/failures").text
    sheet = bob.get(f"/runs/{run.id}/failures.csv").text
    assert sheet.splitlines()[1].startswith("0c383e000001,")
    again = bob.post(f"/runs/{run.id}/retry")
    assert again.location == f"/runs/{run.id + 1}"
    assert [one.total for one in runs()] == [2, 1]


def test_stop_ends_what_has_not_begun(app, bob):
    bob.post("/runs/", data={"id": make_phones(5)})
    [run] = runs()
    assert bob.post(f"/runs/{run.id}/stop", headers=HTMX).status_code == 200
    work(app)
    [run] = runs()
    assert run.state == "stopped"
    assert "Stopped" in bob.get(f"/runs/{run.id}").text


def test_pressed_twice_there_are_two_runs_and_one_revision(app, bob):
    ids = make_phones(3)
    for _ in range(2):
        bob.post("/runs/", data={"id": ids})
    work(app)
    assert [run.state for run in runs()] == ["ended", "ended"]
    part = bob.get(f"/runs/{runs()[1].id}/progress", headers=HTMX).text
    assert part.count("file unchanged (revision 1)") == 3


def test_the_list_shows_every_run(app, bob):
    assert "No run yet" in bob.get("/runs/").text
    bob.post("/runs/", data={"id": make_phones(1)})
    assert "/runs/1" in bob.get("/runs/").text


@pytest.mark.parametrize("data", [{}, {"id": "x"}, {"id": "99999999"}, {"import_id": "77"}])
def test_a_run_of_nothing_is_refused(app, bob, data):
    assert bob.post("/runs/", data=data).status_code == 422
    assert runs() == []


@pytest.mark.parametrize(
    "path", ["/runs/7", "/runs/7/progress", "/runs/7/failures", "/runs/7/failures.csv", "/runs/x"]
)
def test_a_run_that_is_not_there_is_not_found(app, bob, path):
    assert bob.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/runs/7/stop", "/runs/7/retry"])
def test_what_changes_something_is_never_a_get(app, bob, path):
    assert bob.get(path).status_code == 405


@pytest.mark.parametrize("path", ["/runs/", "/runs/1/stop", "/runs/1/retry"])
def test_a_reader_may_look_and_not_touch(app, bob, carol, path):
    bob.post("/runs/", data={"id": make_phones(1)})
    assert carol.post(path, data={"id": "1"}).status_code == 403
    assert carol.get("/runs/1").status_code == 200
    assert "/runs/1/stop" not in carol.get("/runs/1").text
    assert db.session.scalar(select(func.count()).select_from(Run)) == 1


@pytest.mark.parametrize("path", ["/runs/", "/runs/1", "/runs/1/progress", "/runs/1/failures.csv"])
def test_without_the_right_to_phones_there_are_no_runs(app, dave, anonymous, path):
    assert dave.get(path).status_code == 403
    assert anonymous.get(path).status_code in (302, 303)
