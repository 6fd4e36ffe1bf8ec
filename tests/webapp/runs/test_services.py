"""Starting and following runs, without a worker."""

import time

from sqlalchemy import func, select

from tests.webapp.jobs.phones import make_phones
from webapp.audit import acting_as
from webapp.extensions import db
from webapp.models import AuditEntry, ImportChange, Phone, RunStep, SheetImport, User
from webapp.runs import services


def bob():
    return db.session.scalar(User.named("bob"))


def test_ten_thousand_steps_start_in_one_go(app):
    make_phones(10_000)
    start = time.perf_counter()
    run = services.start(Phone.visible_to(bob()), bob())
    db.session.commit()
    assert time.perf_counter() - start < 5
    assert run.total == db.session.scalar(select(func.count()).select_from(RunStep)) == 10_000


def test_a_phone_named_twice_is_one_step(everywhere):
    [number] = make_phones(1)
    assert services.start([number, number], None).total == 1


def test_a_run_of_an_import_takes_what_it_added_and_changed(everywhere):
    added, changed, _other = make_phones(3)
    upload = SheetImport(name="bob221126", filename="list.csv")
    db.session.add(upload)
    db.session.flush()
    db.session.get(Phone, added).import_id = upload.id
    db.session.add(
        ImportChange(import_id=upload.id, phone_id=changed, mac="", action="changed", row=2)
    )
    db.session.flush()
    run = services.start(services.of_import(bob(), upload.id), bob(), upload.id)
    steps = db.session.scalars(RunStep.of(run.id))
    assert {step.phone_id for step in steps} == {added, changed}


def test_starting_and_stopping_are_in_the_audit(everywhere):
    with acting_as("bob"):
        run = services.start(make_phones(2), bob())
        services.stop(run)
        db.session.commit()
    rows = db.session.scalars(AuditEntry.of("Run", run.id))
    assert [(row.action, row.actor) for row in rows] == [("stop", "bob"), ("create", "bob")]
