"""Bring the database to the present schema, one process at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app
from flask_migrate import upgrade
from sqlalchemy import text

from webapp.config import Config
from webapp.extensions import db

LOCK = 7_255_375


@contextmanager
def alone() -> Iterator[None]:
    """Hold the database's own lock: MariaDB's DDL is not transactional, two upgrades would race."""
    name = db.engine.dialect.name
    if name == "sqlite":
        config: Config = current_app.extensions["belldesk"]
        with (config.instance / "migrate.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    take, give = {
        "postgresql": (f"SELECT pg_advisory_lock({LOCK})", f"SELECT pg_advisory_unlock({LOCK})"),
        "mysql": ("SELECT GET_LOCK('belldesk', 120)", "SELECT RELEASE_LOCK('belldesk')"),
    }[name]
    with db.engine.connect() as connection:
        connection.execute(text(take))
        connection.commit()
        yield
        connection.execute(text(give))


def migrate_database() -> None:
    with alone():
        upgrade()
