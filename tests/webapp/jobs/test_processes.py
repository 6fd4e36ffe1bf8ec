"""Workers as real processes: killed, told to stop, several at once, over Redis."""

import signal
from collections import Counter

import pytest
from sqlalchemy import func, select

from tests.conftest import make_config
from tests.servers import run_folder, shared
from tests.webapp.jobs.phones import make_phones
from tests.webapp.jobs.processes import wait_until, worker
from webapp.extensions import db
from webapp.jobs.leases import BATCH
from webapp.models import Revision, Run, RunStep
from webapp.runs import services


def begin(count):
    run = services.start(make_phones(count), None)
    db.session.commit()
    number = run.id
    services.send(run)
    return number


def ended(run_id):
    db.session.rollback()
    query = select(func.count()).where(RunStep.run_id == run_id, RunStep.ended_at.is_not(None))
    return db.session.scalar(query)


def is_over(run_id):
    db.session.rollback()
    return db.session.get(Run, run_id).is_over


def assert_each_phone_ended_once(run_id, count):
    db.session.rollback()
    steps = Counter(step.state for step in db.session.scalars(RunStep.of(run_id)))
    assert steps == {"done": count}
    revisions = select(Revision.phone_id, func.count()).group_by(Revision.phone_id)
    assert Counter(row[1] for row in db.session.execute(revisions)) == {1: count}
    assert db.session.get(Run, run_id).state == "ended"


def database_of(app):
    return {"BELLDESK_DATABASE_URL": app.extensions["belldesk"].url}


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(everywhere, tmp_path):
    run_id = begin(900)
    with worker(tmp_path, **database_of(everywhere)) as first:
        wait_until(lambda: ended(run_id), tmp_path)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert 0 < ended(run_id) < 900, "it was not killed in the middle"
    with worker(tmp_path, **database_of(everywhere)):
        wait_until(lambda: is_over(run_id), tmp_path)
    assert_each_phone_ended_once(run_id, 900)


def test_two_workers_share_a_run(everywhere, tmp_path):
    run_id = begin(600)
    with worker(tmp_path, **database_of(everywhere)), worker(tmp_path, **database_of(everywhere)):
        wait_until(lambda: is_over(run_id), tmp_path)
    assert_each_phone_ended_once(run_id, 600)


def test_told_to_stop_it_finishes_its_batch_and_leaves(app, tmp_path):
    run_id = begin(900)
    with worker(tmp_path) as process:
        wait_until(lambda: ended(run_id), tmp_path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    states = Counter(step.state for step in db.session.scalars(RunStep.of(run_id)))
    assert states["running"] == 0
    assert states["done"] % BATCH == 0


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    with shared("redis", run_folder(tmp_path_factory)) as url:
        yield url


def test_over_redis_workers_need_no_common_folder(config, redis_url, tmp_path):
    """Two instance folders are two machines: they share the database, the keys and Redis."""
    from webapp import create_app

    app = create_app(make_config(tmp_path, redis_url=redis_url))
    folders = [tmp_path / "one", tmp_path / "two"]
    with app.app_context():
        for folder in folders:
            folder.mkdir()
        run_id = begin(400)
        more = {"BELLDESK_REDIS_URL": redis_url} | database_of(app)
        with worker(folders[0], **more), worker(folders[1], **more):
            wait_until(lambda: is_over(run_id), folders[0])
        assert_each_phone_ended_once(run_id, 400)
        assert not (folders[0] / "queue.sqlite3").exists()
        db.session.remove()
        db.engine.dispose()
