"""Runs in the browser: page, modal, rights, and what a strange request gets."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests.webapp.jobs.phones import make_phones
from tests.webapp.jobs.reached import begin, seen_phones
from webapp.extensions import db
from webapp.jobs.runs import perform
from webapp.jobs.worker import Worker
from webapp.models import Delivery, Fetch, Line, Run

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


def test_deliver_is_a_run_of_its_own_kind_and_says_so(app, bob):
    [number] = seen_phones([None])
    modal = bob.post("/runs/", data={"id": number, "kind": "deliver"}, headers=HTMX)
    assert "Delivery, run #1" in modal.text
    work(app)
    [run] = runs()
    assert (run.kind, run.state) == ("deliver", "ended")
    text = bob.get(f"/runs/{run.id}").text
    assert "It was never seen here: start it, or type its address" in text
    assert "Delivery" in bob.get("/runs/").text


def test_each_push_is_shown_while_it_goes_on_and_after(app, bob):
    [number] = seen_phones(["10.9.1.7"])
    run_id = begin([number], kind="deliver")
    one = Delivery(
        run_id=run_id, phone_id=number, channel="http", address="10.9.1.7", success=None,
        message="NOTIFY is sent to %(address)s", params={"address": "10.9.1.7"},
    )  # fmt: skip
    db.session.add(one)
    db.session.commit()
    path = f"/runs/{run_id}/progress?in=page"
    assert "NOTIFY is sent to 10.9.1.7 …" in bob.get(path, headers=HTMX).text
    one.success, one.message = True, "%(address)s takes the NOTIFY (%(code)s)"
    one.params = {"address": "10.9.1.7", "code": 200}
    db.session.add(
        Fetch(at=one.at + timedelta(seconds=12), transport="http", file="x", address="10.9.1.7",
              status=200, phone_id=number)
    )  # fmt: skip
    db.session.commit()
    text = bob.get(path, headers=HTMX).text
    assert "10.9.1.7 takes the NOTIFY (200); it fetched after 12 seconds" in text


def test_provision_and_deliver_leads_on_to_the_second_run(app, bob):
    ids = seen_phones([None, "10.9.1.7"])
    db.session.execute(update(Line).values(display_name="Changed"))
    db.session.commit()
    bob.post("/runs/", data={"id": ids, "deliver": "1"})
    perform(1)
    db.session.rollback()
    text = bob.get("/runs/1").text
    assert "/runs/2" in text
    assert "1 phone was never seen here" in text
    assert [run.kind for run in runs()] == ["provision", "deliver"]


def test_a_roll_out_asks_first_and_keeps_what_was_chosen(app, bob):
    ids = seen_phones([None, None])
    asked = bob.post("/runs/rollout", data={"id": ids}, headers=HTMX)
    assert asked.text.count('name="id"') == 2
    assert "2 phones get their new files" in asked.text
    assert runs() == []
    wrong = bob.post("/runs/rollout", data={"id": ids, "minutes": "0", "percent": "200"})
    assert wrong.status_code == 422
    assert wrong.text.count("is-invalid") == 2
    bob.post("/runs/rollout", data={"id": ids, "minutes": "5", "percent": "20", "wait": "y"})
    [run] = runs()
    assert run.kind == "rollout"
    assert run.options == {"minutes": 5, "percent": 20, "wait": True, "reboot": True}


def test_nothing_is_offered_to_be_rolled_back_where_no_phone_got_a_new_file(app, bob):
    bob.post("/runs/rollout", data={"id": seen_phones([None] * 3), "minutes": 5, "percent": 10})
    work(app)
    text = bob.get("/runs/1").text
    assert "Nothing can be rolled back" in text and "roll-back" not in text


def test_a_halted_roll_out_offers_three_ways_on(app, bob):
    ids = seen_phones([None] * 3)
    db.session.execute(update(Line).values(display_name="Changed"))
    db.session.commit()
    bob.post("/runs/rollout", data={"id": ids, "minutes": 5, "percent": 10})
    work(app)
    text = bob.get("/runs/1").text
    assert "Halted itself" in text
    assert "1 of 1 phones of stage 1 did not come back" in text
    for path in ("roll-back", "continue", "stop"):
        assert f'action="/runs/1/{path}"' in text
    assert bob.post("/runs/1/continue").status_code == 303
    assert bob.post("/runs/1/continue").status_code == 422


def test_who_only_reads_starts_stops_and_takes_back_nothing(app, bob, carol):
    bob.post("/runs/rollout", data={"id": seen_phones([None]), "minutes": 5, "percent": 10})
    for path in ("", "rollout", "1/stop", "1/continue", "1/roll-back"):
        assert carol.post(f"/runs/{path}").status_code == 403
    assert "roll-back" not in carol.get("/runs/1").text
