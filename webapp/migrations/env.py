"""Alembic's entry: the application's own engine and metadata, nothing of its own."""

from alembic import context
from flask import current_app

extension = current_app.extensions["migrate"]
db = extension.db


def run() -> None:
    with db.engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=db.metadata, **extension.configure_args
        )
        with context.begin_transaction():
            context.run_migrations()


run()
