import pytest
from sqlalchemy import select
from werkzeug.test import Client

from tests.webapp.doors.cast import add_phone
from webapp.doors import mount, phones_door
from webapp.extensions import db
from webapp.models import Site


class Door:
    """The phones' door of an application, with one phone behind it."""

    def __init__(self, app):
        self.app = mount(app)
        self.door = phones_door(app)
        self.site = db.session.scalar(select(Site))
        self.key = self.site.key
        self.phone = add_phone(self.site)
        self.client = Client(self.app)

    def ask(self, file, key=None, method="GET", **environ):
        path = f"/p/{self.key if key is None else key}/{file}"
        environ.setdefault("environ_overrides", {"REMOTE_ADDR": "127.0.0.1"})
        return self.client.open(path, method=method, **environ)

    def logged(self, query):
        """What a query finds after the log was written."""
        self.door.fetch_log.flush()
        db.session.rollback()  # or this session would go on seeing the time before
        return db.session.scalars(query).all()

    def close(self):
        self.door.close()


@pytest.fixture
def door(app):
    opened = Door(app)
    yield opened
    opened.close()


@pytest.fixture
def door_everywhere(everywhere):
    opened = Door(everywhere)
    yield opened
    opened.close()
