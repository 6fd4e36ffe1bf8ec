from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select

from webapp.extensions import db
from webapp.models import AuditEntry, Department, Site, User


def test_the_migrations_make_exactly_the_models_tables(everywhere):
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []


def test_it_keeps_emoji_case_and_microseconds(everywhere):
    db.session.add_all([Department(name="☎️ Ünïcode 😀"), Department(name="Case")])
    db.session.add(Department(name="case"))
    db.session.commit()
    names = set(db.session.scalars(select(Department.name)))
    assert {"☎️ Ünïcode 😀", "Case", "case"} <= names


def test_a_secret_is_unreadable_in_the_table(everywhere):
    site = db.session.scalar(select(Site))
    stored = db.session.connection().exec_driver_sql("SELECT * FROM sites").fetchall()
    assert site.key not in str(stored)


def test_every_write_leaves_a_row_with_old_and_new(everywhere):
    user = db.session.scalar(User.named("bob"))
    user.full_name = "Bob Builder"
    user.password_hash = "changed"
    db.session.commit()
    entry = db.session.scalar(AuditEntry.newest_first())
    assert (entry.action, entry.entity, entry.entity_id) == ("update", "User", user.id)
    assert entry.changes == {"full_name": ["", "Bob Builder"], "password_hash": ["•••", "•••"]}
