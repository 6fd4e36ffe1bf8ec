"""Files for a site's own server."""

import os
import stat
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from provisioning.registry import registry
from tests.conftest import make_config, running
from tests.webapp.jobs.phones import make_phones
from webapp import create_app
from webapp.audit import acting_as
from webapp.export import ExportError, export, exported_files, inside, purge
from webapp.extensions import db
from webapp.jobs.worker import Worker
from webapp.models import Phone, RunStep, Site
from webapp.runs import services

MAC = "0c383e0000ab"


def test_a_phone_finds_its_file_under_every_name_it_asks_for(tmp_path):
    flyingvoice = registry().model("flyingvoice-fip14g")
    paths = export(tmp_path, flyingvoice, MAC, b"body")
    assert {path.name for path in paths} == set(flyingvoice.files(MAC))
    assert {path.read_bytes() for path in paths} == {b"body"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o640}
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}


@pytest.mark.parametrize(
    "name", ["../x.cfg", "/etc/x.cfg", "a/b", "..", "", ".cfg", f"{MAC}.cfg\n"]
)
def test_no_other_name_is_ever_written(tmp_path, name):
    with pytest.raises(ExportError):
        inside(tmp_path, name)


def test_a_missing_folder_is_made_for_its_owner_and_group(tmp_path):
    folder = tmp_path / "new" / "tftp"
    export(folder, registry().model("fanvil-x1sg"), MAC, b"body")
    assert f"{MAC}.cfg" in {file.name for file in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) & 0o007 == 0


def test_a_link_that_lies_there_is_replaced_and_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("kept")
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / f"{MAC}.cfg").symlink_to(secret)
    export(folder, registry().model("fanvil-x1sg"), MAC, b"body")
    assert secret.read_text() == "kept"


def test_files_go_after_49_hours_and_stay_at_47(tmp_path):
    now = datetime.now(UTC)
    for mac, hours in (("0c383e000001", 49), ("0c383e000002", 47)):
        for path in export(tmp_path, registry().model("fanvil-x1sg"), mac, b"body"):
            moment = (now - timedelta(hours=hours)).timestamp()
            os.utime(path, (moment, moment))
    other = tmp_path / "readme.txt"
    other.touch()
    os.utime(other, (0, 0))
    purge(tmp_path, now - timedelta(hours=48))
    names = {file.name for file in exported_files(tmp_path)}
    assert names == {"0c383e000002.cfg", "0C383E000002.cfg"}
    assert other.exists(), "what others put there stays"


@pytest.fixture
def exporting(tmp_path, template_database):
    (tmp_path / "belldesk.sqlite3").write_bytes(template_database.read_bytes())
    yield from running(create_app(make_config(tmp_path, export_dir=tmp_path / "export")))


def finish(app):
    run = services.start(make_phones(1), None)
    db.session.commit()
    services.send(run)
    Worker(app).run(once=True)
    db.session.rollback()
    [step] = db.session.scalars(RunStep.of(run.id))
    return step


def test_a_run_writes_the_files(exporting, tmp_path):
    assert finish(exporting).state == "done"
    [first, _] = exported_files(tmp_path / "export")
    assert b"<sysConf>" in first.path.read_bytes() or first.size


def test_a_folder_that_cannot_be_written_fails_the_step_with_its_name(exporting, tmp_path):
    (tmp_path / "export").write_text("a file, not a folder")
    step = finish(exporting)
    assert step.state == "failed"
    assert str(tmp_path / "export") in step.message % step.params


def provision_as(app, policy):
    site = db.session.scalar(select(Site))
    site.policy = policy
    with acting_as("tests"):
        db.session.commit()
    ids = list(db.session.scalars(select(Phone.id))) or make_phones(1, password="Unmistakable1")
    run = services.start(ids, None)
    db.session.commit()
    services.send(run)
    Worker(app).run(once=True)
    db.session.rollback()


def bodies(tmp_path):
    return {file.path.read_bytes() for file in exported_files(tmp_path / "export")}


def test_of_a_strict_site_the_folder_holds_the_bootstrap_and_no_longer_the_file(
    exporting, tmp_path
):
    provision_as(exporting, "armed")
    [full] = bodies(tmp_path)
    assert b"Unmistakable1" in full
    provision_as(exporting, "strict")
    phone = db.session.scalar(select(Phone))
    [short] = bodies(tmp_path)
    assert b"Unmistakable1" not in short and phone.key.encode() in short
    provision_as(exporting, "armed")
    assert bodies(tmp_path) == {full}


def test_of_a_model_without_a_bootstrap_a_strict_site_leaves_nothing_there(exporting, tmp_path):
    export(tmp_path / "export", registry().model("flyingvoice-fip14g"), MAC, b"full")
    make_phones(1, first=0xAB, model="flyingvoice-fip14g")
    provision_as(exporting, "strict")
    assert exported_files(tmp_path / "export") == []
