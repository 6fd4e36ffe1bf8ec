"""The cast: alice administers, bob is a phone technician, carol only reads, dave has no rights."""

import shutil

import pytest
from flask import g, request_started
from sqlalchemy import select

from tests.servers import DATABASES, database, run_folder, shared
from webapp import create_app
from webapp.audit import acting_as
from webapp.config import Config, new_key
from webapp.database import migrate_database
from webapp.extensions import db
from webapp.models import Company, Department, SipServer, Site, User
from webapp.passwords import hash_password

pytest_plugins = ["tests.no_skips"]

PASSWORD = "correct horse battery"
HASHED = hash_password(PASSWORD)
KEY = new_key()


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true", help="rewrite the golden files")


def make_config(folder, **changes):
    values = {
        "instance": folder,
        "env": "test",
        "secret_key": "for tests only",
        "keys": (KEY,),
        "base_url": "http://desk.example.net",
    }
    return Config(**(values | changes))


def populate():
    """Alice, bob, carol and dave; one company with one site and one SIP server."""
    technicians = Department(name="technicians")
    technicians.permissions = {
        "phones.read", "phones.write", "phones.provision", "phones.reveal", "sites.read",
        "sites.write", "settings.read", "settings.write", "logs.read",
    }  # fmt: skip
    readers = Department(name="readers")
    readers.permissions = {"phones.read", "sites.read"}
    nobody = Department(name="nobody")
    site = Site(company=Company(name="Acme"), name="Lisbon")
    site.new_key()
    db.session.add_all(
        [
            User(name="alice", password_hash=HASHED, is_admin=True),
            User(name="bob", password_hash=HASHED, department=technicians),
            User(name="carol", password_hash=HASHED, department=readers),
            User(name="dave", password_hash=HASHED, department=nobody),
            site,
            SipServer(name="pbx", host="10.0.0.5"),
        ]
    )
    with acting_as("tests"):
        db.session.commit()


@pytest.fixture(scope="session")
def template_database(tmp_path_factory):
    """A migrated and populated SQLite file; every test gets a copy."""
    folder = tmp_path_factory.mktemp("template")
    app = create_app(make_config(folder))
    with app.app_context():
        migrate_database()
        populate()
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.session.remove()
        db.engine.dispose()
    return folder / "belldesk.sqlite3"


@pytest.fixture
def config(tmp_path, template_database):
    shutil.copy(template_database, tmp_path / "belldesk.sqlite3")
    return make_config(tmp_path)


@pytest.fixture
def app(config):
    """The application on its own SQLite file, inside an application context."""
    yield from running(create_app(config))


def forget(app):
    """Let every request start with an empty `g`: inside a test's context Flask would share it,
    and the second client of a test would be taken for the first one."""
    for name in list(g):
        g.pop(name)


def running(app):
    request_started.connect(forget, app)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="session", params=DATABASES)
def database_server(request, tmp_path_factory):
    with shared(request.param, run_folder(tmp_path_factory)) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_database(database_server, tmp_path_factory):
    """A database of this worker's own on each server, migrated once."""
    folder = tmp_path_factory.mktemp("migrated")
    with database(database_server, folder) as url:
        app = create_app(make_config(folder, database_url=url))
        with app.app_context():
            migrate_database()
            db.engine.dispose()
        yield url


@pytest.fixture
def everywhere(migrated_database, tmp_path):
    """The application, in turn on SQLite, MariaDB and PostgreSQL, populated and emptied again."""
    app = create_app(make_config(tmp_path, database_url=migrated_database))
    request_started.connect(forget, app)
    with app.app_context():
        populate()
        yield app
        db.session.remove()
        with db.engine.begin() as connection:
            for table in reversed(db.metadata.sorted_tables):
                connection.execute(table.delete())
        db.engine.dispose()


def client_of(app, name):
    """A browser in which this person is signed in, through the real sign-in page."""
    client = app.test_client()
    answer = client.post("/login", data={"name": name, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    return client


@pytest.fixture
def anonymous(app):
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client()


def person(name):
    @pytest.fixture(name=name)
    def signed_in(app):
        app.config["WTF_CSRF_ENABLED"] = False
        return client_of(app, name)

    return signed_in


alice, bob, carol, dave = map(person, ("alice", "bob", "carol", "dave"))


@pytest.fixture
def site(app):
    return db.session.scalar(select(Site))
